#pragma once
// What programs find beside the library of their language: looked up in the files of the system, as the languages themselves do.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "os/system_root.h"

namespace ci::libraries {

struct Library {
  std::string language;  // its code: "py"
  std::string name;      // as its packagers call it: "Pillow"
  std::string version;
  std::vector<std::string> imports;  // what a program writes, where that is another word: "PIL"
};

// Those of every language that has any, in the order of languages::all() and then by name: of the system that programs see and of the
// operator's own directories (sandbox/own_packages.h), in which they look first, in this order. Each once, as a program finds it. Reads
// hundreds of small files, so it blocks. What cannot be read is left out.
std::vector<Library> find_libraries(const os::SystemRoot& system, std::span<const std::filesystem::path> packages = {});

}  // namespace ci::libraries
