#pragma once
// Which of Debian's jars programs in Java find behind what they bring, and what these need. Java's own launcher (runtimes/java) makes its
// class path of them. Nothing here may take the place of a part of Java: no xercesImpl. The part of POI for .xlsx is left out: what
// Debian 12 has of it fails for want of a class.

namespace ci::languages {

inline constexpr const char* java_libraries[] = {
    "commons-lang3",
    "commons-text",
    "commons-csv",
    "commons-io",
    "commons-math3",
    "commons-collections4",
    "commons-codec",
    "commons-compress",
    "commons-logging",
    "gson",
    "jackson-core",
    "jackson-annotations",
    "jackson-databind",
    "json-latest",
    "guava",
    "failureaccess",
    "joda-time",
    "jsoup",
    "pdfbox2",
    "fontbox2",
    "poi",
    "poi-scratchpad",
};

}  // namespace ci::languages
