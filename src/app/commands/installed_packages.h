#pragma once
// What is in the operator's own directory of packages (sandbox/own_packages.h), as its tools have written it down there.

#include <filesystem>
#include <string>
#include <vector>

#include "os/system_root.h"

namespace ci::app {

struct InstalledPackage {
  std::string language;  // the folder: "py"
  std::string name;
  std::string version;  // empty: it says none
};

// Sorted by name. Nothing of a folder that is not there.
std::vector<InstalledPackage> installed_packages(
    const std::filesystem::path& directory, const std::string& language, const os::SystemRoot& system);

}  // namespace ci::app
