#pragma once
// The files in which installers of packages write down what they have installed. Anybody may have made them, and the server reads them: of
// what is not a plain file, or very large, nothing is read. All read at once, and so block; what cannot be read is empty.

#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci::libraries {

// What is in a directory, sorted.
std::vector<std::filesystem::path> entries(const std::filesystem::path& directory);

enum class Next { go_on, stop };
// Of a file of up to 16 MiB, without what ends lines.
void for_each_line(const std::filesystem::path& file, const std::function<Next(std::string_view)>& look);

// The fields of a file that begins like a mail: "Name: value". METADATA and PKG-INFO of Python, DESCRIPTION of R.
std::map<std::string, std::string> fields_of(const std::filesystem::path& file);

// The object that a package.json of npm is.
boost::json::object package_json(const std::filesystem::path& directory);
// Its version; nothing when there is no such object, empty when it says none.
std::optional<std::string> node_version(const std::filesystem::path& directory);

}  // namespace ci::libraries
