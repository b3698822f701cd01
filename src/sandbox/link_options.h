#pragma once
// What a compiler is told about libraries that a source uses, so that whoever forgets it, as one does where there is no build system,
// still gets a program. A source that uses none is compiled as it would be at a prompt.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ci::sandbox {

// For C and C++, by the headers that are included anywhere in the source: <zlib.h> needs -lz, <omp.h> needs -fopenmp.
std::vector<std::string> link_options(std::string_view source);

// For the quick commands of C, C++ and Fortran: gold, which is quickest for a few small objects, where `programs` has it (it is a package of
// its own since Debian 13), else mold, else what the compiler takes by itself.
std::vector<std::string> quick_linker(const std::filesystem::path& programs = "/usr/bin");

// For Rust: where the crates are that runtimes/rust/prepare.py compiled, in the first of `directories` that has its list. Programs that
// use none are compiled alike, and as fast.
std::vector<std::string> crate_options(std::span<const std::filesystem::path> directories);

}  // namespace ci::sandbox
