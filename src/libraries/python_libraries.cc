#include "libraries/python_libraries.h"

#include <algorithm>
#include <string_view>

#include "base/ascii.h"
#include "base/utf8.h"
#include "libraries/package_files.h"

namespace ci::libraries {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view debian_python = "/usr/lib/python3/dist-packages";

using Names = std::vector<std::string>;

bool is_module(std::string_view name) {
  return !name.empty() && is_utf8(name) && name.find_first_of("-.\"") == name.npos && !name.starts_with('_');
}

void add_once(Names& modules, std::string_view module) {
  if (is_module(module) && std::ranges::find(modules, module) == modules.end()) modules.emplace_back(module);
}

// From the list of all files that an installer has made, which begins each line with one.
Names recorded_modules(const fs::path& description) {
  Names modules;
  for_each_line(description / "RECORD", [&](std::string_view line) {
    const std::string_view path = line.substr(0, line.find(','));
    const size_t slash = path.find('/');
    if (slash != path.npos)
      add_once(modules, path.substr(0, slash));
    else if (path.ends_with(".py") || path.ends_with(".so"))
      add_once(modules, path.substr(0, path.find('.')));
    return Next::go_on;
  });
  return modules;
}

// A distribution says in a list of its own what can be imported; where it does not, the files of its package do, or its name.
Names modules_of(const fs::path& description, const std::string& name, const ModulesOfPackages& of_packages) {
  Names modules;
  for_each_line(description / "top_level.txt", [&](std::string_view line) {
    if (!line.contains('/')) add_once(modules, line);
    return Next::go_on;
  });
  if (!modules.empty()) return modules;
  const auto packaged = of_packages.find(description.filename());
  if (packaged != of_packages.end() && !packaged->second.empty()) return packaged->second;
  if (Names recorded = recorded_modules(description); !recorded.empty()) return recorded;
  std::string module = lower_case(name);
  std::ranges::replace(module, '-', '_');
  const fs::path place = description.parent_path();
  std::error_code ignored;
  if (fs::exists(place / module, ignored) || fs::exists(place / (module + ".py"), ignored)) return {module};
  return {};
}

}  // namespace

std::string normalized_name(std::string_view name) {
  std::string result = lower_case(name);
  std::ranges::replace_if(result, [](char c) { return c == '_' || c == '.'; }, '-');
  return result;
}

ModulesOfPackages modules_of_packages(const fs::path& root) {
  ModulesOfPackages all;
  for (const fs::path& list : entries(root / "var/lib/dpkg/info")) {
    if (!list.filename().string().starts_with("python3-") || list.extension() != ".list") continue;
    Names modules, descriptions;
    for_each_line(list, [&](std::string_view line) {
      const fs::path path(line);
      if (path.parent_path() != debian_python) return Next::go_on;
      const fs::path ending = path.extension();
      if (ending == ".dist-info" || ending == ".egg-info")
        descriptions.push_back(path.filename());
      else if (const std::string name = path.stem(); (ending.empty() || ending == ".py") && is_module(name))
        modules.push_back(name);
      return Next::go_on;
    });
    if (descriptions.size() == 1) all[descriptions.front()] = modules;  // of several, who knows which
  }
  return all;
}

std::vector<Library> python_libraries(const fs::path& place, const ModulesOfPackages& of_packages) {
  std::vector<Library> all;
  for (const fs::path& entry : entries(place)) {
    std::error_code ignored;
    fs::path description;
    if (entry.extension() == ".dist-info") description = entry / "METADATA";
    if (entry.extension() == ".egg-info") description = fs::is_directory(entry, ignored) ? entry / "PKG-INFO" : entry;
    if (description.empty()) continue;
    const auto fields = fields_of(description);
    const auto name = fields.find("Name"), version = fields.find("Version");
    if (name == fields.end() || version == fields.end()) continue;
    Library library{"py", name->second, version->second, modules_of(entry, name->second, of_packages)};
    if (library.imports == Names{library.name}) library.imports.clear();
    all.push_back(std::move(library));
  }
  return all;
}

}  // namespace ci::libraries
