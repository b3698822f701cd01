#pragma once
// The files in which installers of packages write down what they have installed. All read at once, and so block; what cannot be read is
// empty.

#include <boost/json/object.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ci::libraries {

// What is in a directory, sorted.
std::vector<std::filesystem::path> entries(const std::filesystem::path& directory);

std::vector<std::string> lines_of(const std::filesystem::path& file);

// The fields of a file that begins like a mail: "Name: value". METADATA and PKG-INFO of Python, DESCRIPTION of R.
std::map<std::string, std::string> fields_of(const std::filesystem::path& file);

// The object that a package.json of npm is.
boost::json::object package_json(const std::filesystem::path& directory);
// Its version; nothing when there is no such object, empty when it says none.
std::optional<std::string> node_version(const std::filesystem::path& directory);

}  // namespace ci::libraries
