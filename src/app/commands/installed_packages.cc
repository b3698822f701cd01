#include "app/commands/installed_packages.h"

#include <algorithm>

#include "libraries/package_files.h"
#include "sandbox/own_packages.h"

namespace ci::app {

namespace fs = std::filesystem;
using libraries::entries;

namespace {

using Found = std::vector<InstalledPackage>;

std::string field_of(const fs::path& file, const std::string& name) {
  const auto fields = libraries::fields_of(file);
  const auto field = fields.find(name);
  return field == fields.end() ? "" : field->second;
}

void find_python(const fs::path& directory, const os::SystemRoot& system, Found& found) {
  for (const fs::path& entry : entries(sandbox::python_packages(directory, system))) {
    if (entry.extension() != ".dist-info") continue;
    found.push_back({"py", field_of(entry / "METADATA", "Name"), field_of(entry / "METADATA", "Version")});
  }
}

void find_node(const fs::path& folder, const std::string& scope, Found& found) {
  for (const fs::path& entry : entries(folder)) {
    const std::string name = entry.filename();
    if (name.starts_with("@") && scope.empty()) {
      find_node(entry, name + "/", found);
      continue;
    }
    const auto version = libraries::node_version(entry);
    if (version) found.push_back({"js", scope + name, *version});
  }
}

void find_r(const fs::path& folder, Found& found) {
  for (const fs::path& entry : entries(folder)) {
    if (!fs::exists(entry / "DESCRIPTION")) continue;
    found.push_back({"r", entry.filename(), field_of(entry / "DESCRIPTION", "Version")});
  }
}

void find_java(const fs::path& folder, Found& found) {
  for (const fs::path& entry : entries(folder)) {
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

std::vector<InstalledPackage> installed_packages(
    const fs::path& directory, const std::string& language, const os::SystemRoot& system) {
  Found found;
  if (language == "py") find_python(directory, system, found);
  if (language == "js") find_node(directory / "js/node_modules", "", found);
  if (language == "r") find_r(directory / "r", found);
  if (language == "java") find_java(directory / "java", found);
  if (language == "go") find_go(directory / "go/cache/download", found);
  std::ranges::sort(found, {}, &InstalledPackage::name);
  return found;
}

}  // namespace ci::app
