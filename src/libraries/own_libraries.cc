#include "libraries/own_libraries.h"

#include <algorithm>
#include <cstring>

#include "libraries/package_files.h"
#include "libraries/python_libraries.h"
#include "sandbox/own_packages.h"

namespace ci::libraries {

namespace fs = std::filesystem;

namespace {

using Found = std::vector<Library>;

void find_node(const fs::path& folder, const std::string& scope, Found& found) {
  for (const fs::path& entry : entries(folder)) {
    const std::string name = entry.filename();
    if (name.starts_with("@") && scope.empty()) {
      find_node(entry, name + "/", found);
      continue;
    }
    const auto version = node_version(entry);
    if (version) found.push_back({"js", scope + name, *version, {}});
  }
}

void find_r(const fs::path& folder, Found& found) {
  for (const fs::path& entry : entries(folder)) {
    const auto fields = fields_of(entry / "DESCRIPTION");
    const auto version = fields.find("Version");
    if (version != fields.end()) found.push_back({"r", entry.filename(), version->second, {}});
  }
}

void find_java(const fs::path& folder, Found& found) {
  for (const fs::path& entry : entries(folder)) {
    if (entry.extension() == ".jar") found.push_back({"java", entry.filename(), "", {}});
  }
}

// Modules are folders of as many levels as their names have, with an exclamation mark before what is a capital letter.
void find_go(const fs::path& cache, Found& found) {
  std::error_code ignored;
  const auto options = fs::directory_options::skip_permission_denied;
  for (auto at = fs::recursive_directory_iterator(cache, options, ignored); at != fs::recursive_directory_iterator();
       at.increment(ignored)) {
    if (at->path().extension() != ".zip" || at->path().parent_path().filename() != "@v") continue;
    std::string name;
    const std::string escaped = at->path().parent_path().parent_path().lexically_relative(cache);
    for (size_t i = 0; i < escaped.size(); ++i) {
      const bool capital = escaped[i] == '!' && i + 1 < escaped.size();
      name += capital ? static_cast<char>(escaped[++i] - 'a' + 'A') : escaped[i];
    }
    found.push_back({"go", name, at->path().stem(), {}});
  }
}

}  // namespace

std::vector<Library> own_libraries(const fs::path& directory, const std::string& folder, const os::SystemRoot& system) {
  Found found;
  if (folder == "py") found = python_libraries(sandbox::python_packages(directory, system));
  if (folder == "js") find_node(directory / "js/node_modules", "", found);
  if (folder == "r") find_r(directory / "r", found);
  if (folder == "java") find_java(directory / "java", found);
  if (folder == "go") find_go(directory / "go/cache/download", found);
  std::ranges::sort(found, [](const Library& a, const Library& b) {
    return a.name != b.name ? a.name < b.name : ::strverscmp(a.version.c_str(), b.version.c_str()) < 0;
  });
  return found;
}

}  // namespace ci::libraries
