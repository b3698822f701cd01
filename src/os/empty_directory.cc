#include "os/empty_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace ci::os {

namespace {

constexpr int most_rounds = 100000;  // each removes at least one directory

struct Close {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

std::vector<std::string> names_in(int directory) {
  std::vector<std::string> names;
  const int own = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, Close> stream(own >= 0 ? ::fdopendir(own) : nullptr);
  while (const dirent* entry = stream ? ::readdir(stream.get()) : nullptr) {
    if (std::strcmp(entry->d_name, ".") != 0 && std::strcmp(entry->d_name, "..") != 0)
      names.emplace_back(entry->d_name);
  }
  return names;
}

bool is_directory(int parent, const std::string& name) {
  struct stat info{};
  return ::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

}  // namespace

// What is deeper comes up first, so that no tree is too deep to walk.
bool empty_directory(int top) {
  std::uint64_t moved = 0;
  for (int round = 0; round < most_rounds; ++round) {
    const std::vector<std::string> names = names_in(top);
    if (names.empty()) return true;
    bool removed = false;
    for (const std::string& name : names) {
      if (!is_directory(top, name)) {
        removed = ::unlinkat(top, name.c_str(), 0) == 0 || removed;
        continue;
      }
      ::fchmodat(top, name.c_str(), 0700, 0);
      const UniqueFd below(::openat(top, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      for (const std::string& inner : names_in(below.get())) {
        if (!is_directory(below.get(), inner)) {
          ::unlinkat(below.get(), inner.c_str(), 0);
          continue;
        }
        ::fchmodat(below.get(), inner.c_str(), 0700, 0);  // a directory that moves must be one that we may write to
        std::string free_name;
        do free_name = ".moved-" + std::to_string(++moved);
        while (::faccessat(top, free_name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0);
        ::renameat(below.get(), inner.c_str(), top, free_name.c_str());
      }
      removed = ::unlinkat(top, name.c_str(), AT_REMOVEDIR) == 0 || removed;
    }
    if (!removed) return false;
  }
  return false;
}

}  // namespace ci::os
