#include "sandbox/own_packages.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <string_view>

namespace ci::sandbox {

namespace fs = std::filesystem;

namespace {

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

// Of one directory; neither links nor files are looked at.
std::string trouble_of(const fs::path& path, uid_t owner) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return "";
  if (info.st_uid != 0 && info.st_uid != owner) {
    return fmt::format(
        "{} belongs to user {}, who could change what programs of others load; chown -R root {}", path.string(),
        info.st_uid, path.string());
  }
  if ((info.st_mode & S_IWOTH) != 0) {
    return fmt::format(
        "everybody may write to {}, and so change what programs of others load; chmod -R o-w {}", path.string(),
        path.string());
  }
  return "";
}

enum class End { front, back };

void put(std::vector<std::string>& environment, std::string_view name, const std::string& value, End end) {
  const std::string begin = std::string(name) + "=";
  const auto found =
      std::ranges::find_if(environment, [&](const std::string& variable) { return variable.starts_with(begin); });
  if (found == environment.end()) {
    environment.push_back(begin + value);
  } else if (end == End::front) {
    found->insert(begin.size(), value + ":");
  } else {
    *found += ":" + value;
  }
}

}  // namespace

std::string packages_trouble(const fs::path& directory, uid_t owner) {
  std::error_code error;
  if (!fs::exists(directory, error)) return "";
  if (!is_folder(directory)) return fmt::format("{} is not a directory", directory.string());
  if (std::string trouble = trouble_of(directory, owner); !trouble.empty()) return trouble;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (std::string trouble = trouble_of(entry.path(), owner); !trouble.empty()) return trouble;
  }
  return error ? fmt::format("{} cannot be read: {}", directory.string(), error.message()) : "";
}

fs::path python_packages(const fs::path& directory, const os::SystemRoot& system) {
  const fs::path modules = directory / "py";
  std::error_code ignored;
  if (!is_folder(modules)) return {};
  if (!fs::exists(modules / "pyvenv.cfg", ignored)) return modules;
  // An environment is for one version of Python, which the link of the installed one names ("python3.11").
  const fs::path version = fs::read_symlink(system.directory() / "usr/bin/python3", ignored).filename();
  const fs::path site = modules / "lib" / version / "site-packages";
  return !version.empty() && is_folder(site) ? site : fs::path();
}

void add_package_paths(std::vector<std::string>& environment, const fs::path& directory) {
  if (directory.empty()) return;
  // Behind the working directory, whose files come first, and before what is installed with the system.
  if (const fs::path python = python_packages(directory); !python.empty()) {
    put(environment, "PYTHONPATH", python, End::back);
  }
  if (is_folder(directory / "js/node_modules"))
    put(environment, "NODE_PATH", directory / "js/node_modules", End::front);
  if (is_folder(directory / "r")) put(environment, "R_LIBS", directory / "r", End::front);
  if (is_folder(directory / "java")) put(environment, "CLASSPATH", ".:" + (directory / "java/*").string(), End::back);
  if (is_folder(directory / "cpp/include")) put(environment, "CPATH", directory / "cpp/include", End::front);
  if (is_folder(directory / "cpp/lib")) {
    put(environment, "LIBRARY_PATH", directory / "cpp/lib", End::front);
    put(environment, "LD_LIBRARY_PATH", directory / "cpp/lib", End::front);
  }
  // A cache cannot be used where it may not be written to, but it can be asked as if it were a proxy.
  if (is_folder(directory / "go/cache/download")) {
    put(environment, "GOPROXY", "file://" + (directory / "go/cache/download").string(), End::front);
    put(environment, "GOFLAGS", "-mod=mod", End::front);
    put(environment, "GOSUMDB", "off", End::front);
  }
}

}  // namespace ci::sandbox
