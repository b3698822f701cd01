#pragma once
// The interpreters of the system, which wait in memory with their libraries while an update may replace their files.

#include <filesystem>
#include <string>
#include <vector>

#include "os/system_root.h"

namespace ci::app {

// A text that is another one when an interpreter of these languages (codes), or a library where its packages are, has been replaced,
// added or removed in the system that programs see, also below `packages`, where the operator's own are (sandbox/own_packages.h). Looks at
// some hundred files: not for the I/O thread.
std::string interpreters_as_they_are(
    const std::vector<std::string>& languages, const os::SystemRoot& system, const std::filesystem::path& packages,
    const std::filesystem::path& package_sets);

}  // namespace ci::app
