#pragma once
// What distributions of Python say of themselves where they are installed. Blocks; what cannot be read is left out.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "libraries/libraries.h"

namespace ci::libraries {

// Distributions are told apart by it (PEP 503, but for what has several of these characters in a row).
std::string normalized_name(std::string_view name);

// What can be imported from a distribution whose description has that file name.
using ModulesOfPackages = std::map<std::string, std::vector<std::string>>;

// Of the distributions that packages of Debian have put into a system: newer builds leave out their own lists of what can be imported.
ModulesOfPackages modules_of_packages(const std::filesystem::path& root);

// Of all distributions in `place`, a directory that Python looks in.
std::vector<Library> python_libraries(const std::filesystem::path& place, const ModulesOfPackages& of_packages = {});

}  // namespace ci::libraries
