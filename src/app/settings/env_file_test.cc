#include "app/settings/env_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(EnvFile, ReadsBareValuesAndComments) {
  const EnvFile file = parse_env_file(
      "# a comment\n"
      "\n"
      "API_PORT=9000\n"
      "  API_HOST = 127.0.0.1   # only here\r\n"
      "COLOUR=#fff\n"
      "FRAGMENT=a#b\n"
      "EMPTY=\n"
      "LAST=no line feed");
  EXPECT_THAT(
      file.entries, ElementsAre(
                        Pair("API_PORT", "9000"), Pair("API_HOST", "127.0.0.1"), Pair("COLOUR", "#fff"),
                        Pair("FRAGMENT", "a#b"), Pair("EMPTY", ""), Pair("LAST", "no line feed")));
  EXPECT_THAT(file.unreadable_lines, IsEmpty());
}

TEST(EnvFile, ReadsQuotesAndExport) {
  const EnvFile file = parse_env_file(
      "export A=1\n"
      "B='single $x \\n # kept'\n"
      "C=\"line\\nnext \\\"quoted\\\" \\$5 \\d\" # comment\n"
      "D=\"two\nlines\"\n"
      "export=odd name\n"
      "E='[\"x\", \"y\"]'\n");
  EXPECT_THAT(
      file.entries, ElementsAre(
                        Pair("A", "1"), Pair("B", "single $x \\n # kept"), Pair("C", "line\nnext \"quoted\" $5 \\d"),
                        Pair("D", "two\nlines"), Pair("export", "odd name"), Pair("E", "[\"x\", \"y\"]")));
  EXPECT_THAT(file.unreadable_lines, IsEmpty());
}

TEST(EnvFile, SkipsWhatItCannotReadAndSaysWhere) {
  const EnvFile file = parse_env_file(
      "A=1\n"
      "just words\n"
      "=value\n"
      "B='never closed\n"
      "C=3\n"
      "D=\"x\" y\n"
      "E=5\n");
  EXPECT_THAT(file.entries, ElementsAre(Pair("A", "1"), Pair("C", "3"), Pair("E", "5")));
  EXPECT_THAT(file.unreadable_lines, ElementsAre(2, 3, 4, 6));
  EXPECT_THAT(file.open_quotes, ElementsAre(4));
}

TEST(EnvFile, NothingIsNothing) {
  EXPECT_THAT(parse_env_file("").entries, IsEmpty());
  EXPECT_THAT(parse_env_file("\n\n#").entries, IsEmpty());
  EXPECT_THAT(
      parse_env_file("\xef\xbb\xbf"
                     "A=1")
          .entries,
      ElementsAre(Pair("A", "1")));
}

}  // namespace
}  // namespace ci::app
