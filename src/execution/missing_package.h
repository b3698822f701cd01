#pragma once
// What a program asked for in vain, a package that is not installed, as the tools of its language say it on stderr. People and models who
// read that often try to install it, which cannot work without a network: they are told what is the case. Python's own programs
// say it themselves, where more is known (runtimes/python/missing.py).

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "os/system_root.h"

namespace ci::execution {

struct MissingPackage {
  std::string language;  // whose package it is, also when a program of another language started its tool: "js"
  std::string name;      // empty: only that a network was asked for is known
};

// `language` is that of the program, `failed` whether it did: one that did not has dealt with what is missing, but for tools that were to
// install something. Nothing for what may as well be a slip of the pen in the program.
std::optional<MissingPackage> missing_package(std::string_view language, bool failed, std::string_view err);

// The line to add to stderr, with the closest name of what is installed, in the system that programs see and in the operator's
// directories `own`. Empty for a part of a package that is there. Reads directories: not for the I/O thread.
std::string describe(
    const MissingPackage& missing, std::span<const std::filesystem::path> own, const os::SystemRoot& system = {});

}  // namespace ci::execution
