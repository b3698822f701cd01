#pragma once
// Packages that an operator installs for programs, beside what the system has (SANDBOX_PACKAGES): a directory with a folder for each
// language, called by its code (`js` also serves TypeScript, `cpp` also C). Sandboxes see it as /packages, read-only and without its path.
//
//   py    a virtual environment, or modules as `pip install --target` leaves them
//   js    node_modules
//   r     a library
//   java  *.jar
//   go    a module cache
//   cpp   include, lib
//
// What is not called so is nobody's; the command `packages` keeps its own things there.
//
// Beside it there may be sets (SANDBOX_PACKAGE_SETS): a directory with one such directory for each, called by its name (base/package_set.h).
// A program that is to have a set sees it as /packages-set, where its tools look first; others see nothing of it.

#include <sys/types.h>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "os/system_root.h"

namespace ci::sandbox {

inline constexpr const char* packages_mount = "/packages";
inline constexpr const char* package_set_mount = "/packages-set";

// Why programs may not be given what is in `directory`, in words that say what to do; empty: they may, or there is no such directory. It
// and its folders have to belong to root or to `owner`, and nobody else may write to them.
std::string packages_trouble(const std::filesystem::path& directory, uid_t owner);

// The directories in `directory` that have a name of a set, sorted. None where there is no such directory.
std::vector<std::filesystem::path> package_sets(const std::filesystem::path& directory);

// What the Python that is installed in `system` is called with its version ("python3.11"); empty: there is none.
std::string python_version(const os::SystemRoot& system);

// Where Python finds the modules of `directory`, for the Python that is installed in `system`; empty: nowhere.
std::filesystem::path python_packages(const std::filesystem::path& directory, const os::SystemRoot& system = {});

// Lets the tools of all languages find what is in `directories`, in the first one first, as they do in their own ways: adds to the "NAME=value"
// of `environment`, and to values that are there already. No directory, nothing added. Looks at the file system as it is when called.
void add_package_paths(std::vector<std::string>& environment, std::span<const std::filesystem::path> directories);

}  // namespace ci::sandbox
