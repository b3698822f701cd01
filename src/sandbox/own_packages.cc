#include "sandbox/own_packages.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/package_set.h"
#include "sandbox/given_directory.h"

namespace ci::sandbox {

namespace fs = std::filesystem;

namespace {

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Of one directory; neither links nor files are looked at.
std::string trouble_of_directory(const fs::path& path, uid_t owner) {
  const std::string give = "chown -R root " + path.string(), close = "chmod -R o-w " + path.string();
  return who_could_change(path, owner, {give, close});
}

enum class End { front, back };

// Places where a tool looks, in their order, with what it wants between them.
struct Places {
  explicit Places(std::string_view variable, char separator = ':') : name(variable), between(separator) {}

  std::string_view name;
  char between;
  std::string text;

  void add(const std::string& place) {
    if (!text.empty()) text += between;
    text += place;
  }
  void put_into(std::vector<std::string>& environment, End end) const {
    if (text.empty()) return;
    const std::string begin = std::string(name) + "=";
    const auto found =
        std::ranges::find_if(environment, [&](const std::string& variable) { return variable.starts_with(begin); });
    if (found == environment.end()) {
      environment.push_back(begin + text);
    } else if (end == End::front) {
      found->insert(begin.size(), text + between);
    } else {
      *found += between + text;
    }
  }
};

}  // namespace

std::string packages_trouble(const fs::path& directory, uid_t owner) {
  std::error_code error;
  if (!fs::exists(directory, error)) return "";
  if (!is_folder(directory)) return fmt::format("{} is not a directory", directory.string());
  if (std::string trouble = trouble_of_directory(directory, owner); !trouble.empty()) return trouble;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (std::string trouble = trouble_of_directory(entry.path(), owner); !trouble.empty()) return trouble;
  }
  return error ? fmt::format("{} cannot be read: {}", directory.string(), error.message()) : "";
}

std::string python_version(const os::SystemRoot& system) {
  std::error_code ignored;
  return fs::read_symlink(system.directory() / "usr/bin/python3", ignored).filename();
}

fs::path python_packages(const fs::path& directory, const os::SystemRoot& system) {
  const fs::path modules = directory / "py";
  std::error_code ignored;
  if (!is_folder(modules)) return {};
  if (!fs::exists(modules / "pyvenv.cfg", ignored)) return modules;
  const std::string version = python_version(system);  // an environment is for one
  const fs::path site = modules / "lib" / version / "site-packages";
  return !version.empty() && is_folder(site) ? site : fs::path();
}

std::vector<fs::path> package_sets(const fs::path& directory) {
  std::vector<fs::path> sets;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (is_package_set_name(entry.path().filename().native()) && is_folder(entry.path())) sets.push_back(entry.path());
  }
  std::ranges::sort(sets);
  return sets;
}

void add_package_paths(std::vector<std::string>& environment, std::span<const fs::path> directories) {
  Places python("PYTHONPATH"), node("NODE_PATH"), r("R_LIBS"), java("CLASSPATH"), headers("CPATH"),
      archives("LIBRARY_PATH"), libraries("LD_LIBRARY_PATH"), go("GOPROXY", ',');
  for (const fs::path& directory : directories) {
    if (directory.empty()) continue;
    if (const fs::path modules = python_packages(directory); !modules.empty()) python.add(modules);
    if (is_folder(directory / "js/node_modules")) node.add(directory / "js/node_modules");
    if (is_folder(directory / "r")) r.add(directory / "r");
    if (is_folder(directory / "java")) {
      if (java.text.empty()) java.add(".");
      java.add(directory / "java/*");
    }
    if (is_folder(directory / "cpp/include")) headers.add(directory / "cpp/include");
    if (is_folder(directory / "cpp/lib")) {
      archives.add(directory / "cpp/lib");
      libraries.add(directory / "cpp/lib");
    }
    // A cache cannot be used where it may not be written to, but it can be asked as if it were a proxy.
    if (is_folder(directory / "go/cache/download")) go.add("file://" + (directory / "go/cache/download").string());
  }
  // Behind the working directory, whose files come first, and before what is installed with the system.
  python.put_into(environment, End::back);
  java.put_into(environment, End::back);
  for (const Places* places : {&node, &r, &headers, &archives, &libraries, &go})
    places->put_into(environment, End::front);
  if (go.text.empty()) return;
  environment.emplace_back("GOFLAGS=-mod=mod");
  environment.emplace_back("GOSUMDB=off");
}

}  // namespace ci::sandbox
