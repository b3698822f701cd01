#include "app/server/interpreters.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>

#include "languages/language.h"
#include "sandbox/own_packages.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

// Where packages put what an interpreter loads; "*" is any one folder. The interpreters themselves are in the table of languages.
const std::multimap<std::string_view, std::string_view> libraries = {
    {"py", "/usr/lib/python3/dist-packages"},
    {"py", "/usr/lib/python3.*"},
    {"py", "/usr/local/lib/python3.*/dist-packages"},
    {"js", "/usr/share/nodejs"},
    {"js", "/usr/lib/kubecoderun"},
    {"ts", "/usr/share/nodejs"},
    {"ts", "/usr/lib/kubecoderun"},
    {"php", "/usr/lib/php"},
    {"php", "/usr/share/php"},
    {"r", "/usr/lib/R"},
    {"r", "/usr/lib/R/library"},
    {"r", "/usr/lib/R/site-library"},
    {"r", "/usr/local/lib/R/site-library"},
    {"java", "/usr/lib/jvm/default-java"},
    {"java", "/usr/lib/jvm/default-java/lib"},
};

// A package that is replaced changes the time of the folder that its files are in.
void add(std::string& text, const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return;
  text += fmt::format("{} {} {}.{}\n", path.string(), info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

void add_folder(std::string& text, const fs::path& folder) {
  add(text, folder);
  std::error_code ignored;
  std::vector<fs::path> inside;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().filename() != "__pycache__" && entry.is_directory(ignored)) inside.push_back(entry.path());
  }
  std::ranges::sort(inside);
  for (const fs::path& path : inside) add(text, path);
}

void add_own_packages(std::string& text, const os::SystemRoot& system, const fs::path& packages) {
  for (const char* folder : {"py", "js", "js/node_modules", "r", "java", "go", "cpp", "cpp/include", "cpp/lib"}) {
    add_folder(text, packages / folder);
  }
  if (const fs::path python = sandbox::python_packages(packages, system); !python.empty()) add_folder(text, python);
}

}  // namespace

std::string interpreters_as_they_are(
    const std::vector<std::string>& languages, const os::SystemRoot& system, const fs::path& packages,
    const fs::path& package_sets) {
  std::string text;
  add_own_packages(text, system, packages);
  for (const fs::path& set : sandbox::package_sets(package_sets)) {
    add(text, set);
    add_own_packages(text, system, set);
  }
  for (const std::string& code : languages) {
    const languages::Language* language = languages::find(code);
    if (language == nullptr || language->warmth == languages::Warmth::shell) continue;
    add(text, system.find(language->needs));
    const auto [begin, end] = libraries.equal_range(language->code);
    for (auto at = begin; at != end; ++at) {
      const std::string_view place = at->second;
      const size_t star = place.find('*');
      if (star == place.npos) {
        add_folder(text, system.find(place));
        continue;
      }
      const size_t slash = place.find('/', star);
      const fs::path parent = system.find(fs::path(place.substr(0, star)).parent_path());
      const std::string stem = fs::path(place.substr(0, star)).filename();
      std::error_code ignored;
      for (const auto& entry : fs::directory_iterator(parent, ignored)) {
        if (!entry.path().filename().string().starts_with(stem)) continue;
        add_folder(text, slash == place.npos ? entry.path() : entry.path() / place.substr(slash + 1));
      }
    }
  }
  return text;
}

}  // namespace ci::app
