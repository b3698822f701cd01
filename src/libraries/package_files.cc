#include "libraries/package_files.h"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <fstream>
#include <sstream>

namespace ci::libraries {

namespace fs = std::filesystem;
namespace json = boost::json;

std::vector<fs::path> entries(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator place(directory, error), end; !error && place != end; place.increment(error))
    found.push_back(place->path());
  std::ranges::sort(found);
  return found;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

std::map<std::string, std::string> fields_of(const fs::path& path) {
  std::map<std::string, std::string> fields;
  for (const std::string& line : lines_of(path)) {
    if (line.empty()) break;
    const size_t colon = line.find(": ");
    if (colon != line.npos && line.front() != ' ') fields.emplace(line.substr(0, colon), line.substr(colon + 2));
  }
  return fields;
}

json::object package_json(const fs::path& directory) {
  std::ifstream file(directory / "package.json");
  std::ostringstream text;
  text << file.rdbuf();  // of a directory nothing comes, where iterators would throw
  boost::system::error_code error;
  json::value value = json::parse(text.str(), error);
  return error || !value.is_object() ? json::object() : std::move(value.get_object());
}

std::optional<std::string> node_version(const fs::path& directory) {
  const json::object package = package_json(directory);
  if (package.empty()) return std::nullopt;
  const json::value* version = package.if_contains("version");
  return version != nullptr && version->is_string() ? std::string(version->get_string()) : std::string();
}

}  // namespace ci::libraries
