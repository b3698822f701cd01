#include "sandbox/other_root.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "sandbox/given_directory.h"

namespace ci::sandbox {

namespace fs = std::filesystem;

namespace {

#if defined(__x86_64__)
constexpr const char* loader = "/lib64/ld-linux-x86-64.so.2";
#elif defined(__aarch64__)
constexpr const char* loader = "/lib/ld-linux-aarch64.so.1";
#endif

// What of ours is loaded by programs of the root.
constexpr const char* parts[] = {"python/_kubecoderun.abi3.so", "zygote/interpreter.so", "java/launch"};

std::string trouble_of(const fs::path& path, uid_t owner) {
  const std::string close = "chmod o-w " + path.string();
  std::string trouble = who_could_change(path, owner, {"make the tree as root", close});
  if (!trouble.empty()) return trouble;
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && (info.st_mode & S_IXOTH) == 0) {
    return fmt::format("{} is closed to the users of sandboxes; chmod o+rx {}", path.string(), path.string());
  }
  return "";
}

using Version = std::pair<int, int>;  // 2.36

// The highest "GLIBC_2.36" that is written in a library: of the C library what it has, of others what they need.
std::optional<Version> newest_interface(const fs::path& library) {
  std::ifstream file(library, std::ios::binary);
  const std::string content(std::istreambuf_iterator<char>(file), {});
  constexpr std::string_view mark = "GLIBC_";
  std::optional<Version> newest;
  for (size_t at = content.find(mark); at != content.npos; at = content.find(mark, at + mark.size())) {
    Version version;
    if (std::sscanf(content.c_str() + at + mark.size(), "%d.%d", &version.first, &version.second) != 2) continue;
    newest = std::max(newest, std::optional(version));
  }
  return newest;
}

// The C library lies beside the loader.
std::optional<Version> version_of_libc(const os::SystemRoot& root) {
  return newest_interface(root.find(loader).parent_path() / "libc.so.6");
}

std::string incompleteness(const os::SystemRoot& root, const fs::path& runtimes) {
  constexpr const char* remedy = "`./dev root trixie DIR` makes a complete tree (docs/running.md)";
  if (!root.has_program("/bin/sh")) {
    return fmt::format("{} is not the root of a system: it has no /bin/sh. {}", root.directory().string(), remedy);
  }
  const auto has = root.find(loader).empty() ? std::nullopt : version_of_libc(root);
  if (!has) {
    return fmt::format(
        "{} has no {} with GNU's C library: it is for another processor, or of another kind of system. {}",
        root.directory().string(), loader, remedy);
  }
  for (const char* part : parts) {
    const auto needs = newest_interface(runtimes / part);
    if (!needs || *needs <= *has) continue;
    return fmt::format(
        "the C library of {} is {}.{}, and our {} was built for {}.{} or later: take a newer release, or build the "
        "server on one that is no newer than the tree",
        root.directory().string(), has->first, has->second, part, needs->first, needs->second);
  }
  return "";
}

}  // namespace

std::string root_trouble(const os::SystemRoot& root, const fs::path& runtimes, uid_t owner) {
  if (root.is_host()) return "";
  std::error_code ignored;
  if (!fs::is_directory(root.directory(), ignored)) {
    return fmt::format(
        "{} is not a directory; `./dev root trixie {}` makes one with Debian 13 (docs/running.md)",
        root.directory().string(), root.directory().string());
  }
  // Several names may lead to one: /bin to /usr/bin.
  std::set<fs::path> directories = {root.directory()};
  for (const char* name :
       {"/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/share", "/etc", "/bin", "/lib", "/lib64"}) {
    if (fs::path there = root.find(name); !there.empty()) directories.insert(std::move(there));
  }
  for (const fs::path& directory : directories) {
    if (std::string trouble = trouble_of(directory, owner); !trouble.empty()) return trouble;
  }
  struct statvfs info{};
  if (::statvfs(root.directory().c_str(), &info) == 0 && (info.f_flag & ST_NOEXEC) != 0) {
    return fmt::format(
        "{} is on a file system that is mounted noexec, from which no program can be started; move it elsewhere",
        root.directory().string());
  }
  return incompleteness(root, runtimes);
}

}  // namespace ci::sandbox
