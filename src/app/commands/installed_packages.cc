#include "app/commands/installed_packages.h"

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "sandbox/own_packages.h"

namespace ci::app {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

using Found = std::vector<InstalledPackage>;

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) entries.push_back(entry.path());
  return entries;
}

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// "Version: 1.2" in the head of a file.
std::string field_of(const fs::path& file, std::string_view name) {
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line) && !line.empty();) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    const size_t begin = line.find_first_not_of(' ', name.size() + 1);
    return begin == line.npos ? "" : line.substr(begin);
  }
  return "";
}

void find_python(const fs::path& directory, Found& found) {
  for (const fs::path& entry : entries_of(sandbox::python_packages(directory))) {
    if (entry.extension() != ".dist-info") continue;
    found.push_back({"py", field_of(entry / "METADATA", "Name"), field_of(entry / "METADATA", "Version")});
  }
}

void find_node(const fs::path& folder, const std::string& scope, Found& found) {
  for (const fs::path& entry : entries_of(folder)) {
    const std::string name = entry.filename();
    if (name.starts_with("@") && scope.empty()) {
      find_node(entry, name + "/", found);
      continue;
    }
    boost::system::error_code error;
    const json::value package = json::parse(text_of(entry / "package.json"), error);
    if (error || !package.is_object()) continue;
    const json::value* version = package.as_object().if_contains("version");
    const bool known = version != nullptr && version->is_string();
    found.push_back({"js", scope + name, known ? std::string(version->as_string()) : ""});
  }
}

void find_r(const fs::path& folder, Found& found) {
  for (const fs::path& entry : entries_of(folder)) {
    if (!fs::exists(entry / "DESCRIPTION")) continue;
    found.push_back({"r", entry.filename(), field_of(entry / "DESCRIPTION", "Version")});
  }
}

void find_java(const fs::path& folder, Found& found) {
  for (const fs::path& entry : entries_of(folder)) {
    if (entry.extension() == ".jar") found.push_back({"java", entry.filename(), ""});
  }
}

// Modules are folders of as many levels as their names have, with an exclamation mark before what is a capital letter.
void find_go(const fs::path& cache, Found& found) {
  std::error_code ignored;
  for (auto at = fs::recursive_directory_iterator(cache, ignored); at != fs::recursive_directory_iterator();
       at.increment(ignored)) {
    if (at->path().extension() != ".zip" || at->path().parent_path().filename() != "@v") continue;
    std::string name;
    const std::string escaped = at->path().parent_path().parent_path().lexically_relative(cache);
    for (size_t i = 0; i < escaped.size(); ++i) {
      const bool capital = escaped[i] == '!' && i + 1 < escaped.size();
      name += capital ? static_cast<char>(escaped[++i] - 'a' + 'A') : escaped[i];
    }
    found.push_back({"go", name, at->path().stem()});
  }
}

}  // namespace

std::vector<InstalledPackage> installed_packages(const fs::path& directory, const std::string& language) {
  Found found;
  if (language == "py") find_python(directory, found);
  if (language == "js") find_node(directory / "js/node_modules", "", found);
  if (language == "r") find_r(directory / "r", found);
  if (language == "java") find_java(directory / "java", found);
  if (language == "go") find_go(directory / "go/cache/download", found);
  std::ranges::sort(found, {}, &InstalledPackage::name);
  return found;
}

}  // namespace ci::app
