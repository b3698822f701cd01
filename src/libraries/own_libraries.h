#pragma once
// What is in an operator's own directory of packages (sandbox/own_packages.h), as its tools have written it down there. Blocks.

#include <filesystem>
#include <string>
#include <vector>

#include "libraries/libraries.h"
#include "os/system_root.h"

namespace ci::libraries {

// Of one folder of it, which has the code of its language for a name; sorted. A jar has the name of its file and no version. Nothing of a
// folder that is not there.
std::vector<Library> own_libraries(
    const std::filesystem::path& directory, const std::string& folder, const os::SystemRoot& system);

}  // namespace ci::libraries
