#include "sandbox/workspace.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/sys.h"

namespace ci::sandbox {

namespace {

constexpr int deepest = 10;
constexpr int most_entries = 100000;

// Folders that package managers and builds fill; nobody wants them as results.
const std::set<std::string_view> dependency_folders = {"node_modules", "__pycache__", "venv",   "env",    "site-packages",
                                                       "target",       "dist",        "build",  "vendor", "pkg"};

UniqueFd open_beneath(int directory, const char* name, int flags) {
  open_how how{};
  // A fifo or device put in a file's place must not make us wait; openat2(2) refuses the flag beside O_PATH.
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NONBLOCK | O_NOCTTY));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof how)));
}

bool is_plain_file(const struct stat& info, dev_t device) {
  return S_ISREG(info.st_mode) && info.st_nlink == 1 && info.st_dev == device;
}

// False when there is no room for all of it.
bool copy_all(int source, int file, const std::string& doing) {
  const auto is_full = [] { return errno == ENOSPC; };
  struct stat info {};
  sys(doing, [&] { return ::fstat(source, &info); });
  if (S_ISREG(info.st_mode)) {
    for (off_t offset = 0;;) {
      // sendfile(2) leaves the position of `source` alone, which others may share.
      const auto count = ::sendfile(file, source, &offset, 1 << 30);
      if (count == 0) return true;
      if (count < 0 && is_full()) return false;
      if (count < 0 && errno != EINTR) throw Failure::from_errno(errno, doing);
    }
  }
  std::vector<std::byte> buffer(64 << 10);
  for (;;) {
    const auto got = sys(doing, [&] { return ::read(source, buffer.data(), buffer.size()); });
    if (got == 0) return true;
    for (ssize_t done = 0; done < got;) {
      const auto count = ::write(file, buffer.data() + done, static_cast<size_t>(got - done));
      if (count < 0 && is_full()) return false;
      if (count < 0 && errno != EINTR) throw Failure::from_errno(errno, doing);
      if (count > 0) done += count;
    }
  }
}

struct Walk {
  dev_t device;
  const CollectLimits& limits;
  std::vector<Found> found;
  int entries = 0;

  void directory(UniqueFd fd, const std::string& prefix, int depth) {
    struct Close {
      void operator()(DIR* stream) const { ::closedir(stream); }
    };
    const std::unique_ptr<DIR, Close> stream(::fdopendir(fd.get()));
    if (!stream) return;
    const int here = fd.release();
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string_view name = entry->d_name;
      if (name.starts_with('.') || ++entries > most_entries) continue;
      struct stat info {};
      if (::fstatat(here, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      const std::string path = prefix + entry->d_name;
      if (S_ISDIR(info.st_mode)) {
        if (depth == deepest || dependency_folders.contains(name)) continue;
        if (UniqueFd below = open_beneath(here, entry->d_name, O_RDONLY | O_DIRECTORY)) {
          directory(std::move(below), path + '/', depth + 1);
        }
      } else if (is_plain_file(info, device)) {
        const auto size = static_cast<std::uint64_t>(info.st_size);
        if (size > limits.file_bytes) continue;
        if (auto valid = RelativePath::parse(path)) found.push_back({std::move(*valid), size});
      }
    }
  }
};

}  // namespace

bool place_file(int directory, const RelativePath& name, int source, bool read_only, uid_t owner) {
  const std::string doing = "placing an input file";
  UniqueFd parent;
  int at = directory;
  std::string last;
  for (const std::string_view segment : name.segments()) {
    if (!last.empty()) {
      if (::mkdirat(at, last.c_str(), 0755) == 0) {
        sys(doing, [&] { return ::fchownat(at, last.c_str(), owner, owner, AT_SYMLINK_NOFOLLOW); });
      } else if (errno == ENOSPC) {
        return false;
      } else if (errno != EEXIST) {
        throw Failure::from_errno(errno, doing);
      }
      UniqueFd next = open_beneath(at, last.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
      if (!next) throw Failure::from_errno(errno, doing);
      parent = std::move(next);
      at = parent.get();
    }
    last = segment;
  }
  // A name given twice: the later file wins.
  ::unlinkat(at, last.c_str(), 0);
  const UniqueFd file(
      ::openat(at, last.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, read_only ? 0444 : 0644));
  if (!file && errno == ENOSPC) return false;
  if (!file) throw Failure::from_errno(errno, doing);
  if (!copy_all(source, file.get(), doing)) {
    ::unlinkat(at, last.c_str(), 0);
    return false;
  }
  sys(doing, [&] { return ::fchown(file.get(), owner, owner); });
  return true;
}

bool is_there(int directory, const RelativePath& name) {
  const UniqueFd found = open_beneath(directory, name.text().c_str(), O_PATH | O_NOFOLLOW);
  struct stat info {};
  if (!found) return errno != ENOENT && errno != ENOTDIR;
  return ::fstat(found.get(), &info) != 0 || !S_ISDIR(info.st_mode);
}

std::vector<Found> find_files(int directory, const CollectLimits& limits) {
  struct stat info {};
  sys("looking at the workspace", [&] { return ::fstat(directory, &info); });
  Walk walk{info.st_dev, limits, {}, 0};
  // A descriptor of its own: the stream moves the position.
  walk.directory(
      UniqueFd(sys("opening the workspace", [&] { return ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); })),
      "", 1);
  std::ranges::sort(walk.found, {}, &Found::name);
  if (walk.found.size() > limits.files) {
    walk.found.erase(walk.found.begin() + static_cast<std::ptrdiff_t>(limits.files), walk.found.end());
  }
  return std::move(walk.found);
}

UniqueFd open_found(int directory, const Found& file) {
  UniqueFd fd = open_beneath(directory, file.name.text().c_str(), O_RDONLY);
  struct stat above {}, info {};
  if (!fd || ::fstat(directory, &above) != 0 || ::fstat(fd.get(), &info) != 0) return {};
  if (!is_plain_file(info, above.st_dev) || static_cast<std::uint64_t>(info.st_size) != file.size) return {};
  return fd;
}

}  // namespace ci::sandbox
