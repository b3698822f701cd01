#pragma once
// What programs find beside the library of their language: looked up in the files of the system, as the languages themselves do.

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

// Those of every language that has any, in the order of languages::all() and then by name. Reads hundreds of small files, so it blocks. What
// cannot be read is left out.
std::vector<Library> find_libraries(const os::SystemRoot& system);

}  // namespace ci::libraries
