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

// Folders that package managers and builds fill; nobody wants them as results. What Python writes beside every module
// that is imported is not worth a word either.
const std::set<std::string_view> dependency_folders = {
    "node_modules", "venv", "env", "site-packages", "target", "dist", "build", "vendor", "pkg"};
constexpr std::string_view silent_folder = "__pycache__";

UniqueFd open_beneath(int directory, const char* name, int flags) {
  open_how how{};
  // A fifo or device put in a file's place must not make us wait; openat2(2) refuses the flag beside O_PATH.
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | ((flags & O_PATH) != 0 ? 0 : O_NONBLOCK | O_NOCTTY));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof how)));
}

// Several names of one file are as good as one: what is on this device was made here, since no link leads from one device to
// another, and inputs are copies.
bool is_plain_file(const struct stat& info, dev_t device) { return S_ISREG(info.st_mode) && info.st_dev == device; }

// False when there is no room for all of it.
bool copy_all(int source, int file, const std::string& doing) {
  const auto is_full = [] { return errno == ENOSPC; };
  struct stat info{};
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

bool equal(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

bool is_written(const Placed* placed, const struct stat& info) {
  return placed == nullptr || placed->inode != info.st_ino || !equal(placed->modified, info.st_mtim);
}

// Also by one who set the time back.
bool is_changed(const Placed& placed, const struct stat& info) {
  return is_written(&placed, info) || !equal(placed.changed, info.st_ctim);
}

class Walk {
 public:
  Walk(int top, dev_t device, const CollectLimits& limits, const PlacedFiles& placed)
      : top_(top), device_(device), limits_(limits), placed_(placed) {}

  Search run() {
    // A descriptor of its own: the stream moves the position.
    visit(
        UniqueFd(sys("opening the workspace", [&] { return ::openat(top_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); })),
        "", 1, Wanted::files);
    add_placed();
    std::ranges::sort(search_.found, {}, &Found::name);
    if (search_.found.size() > limits_.files) {
      const auto first = search_.found.begin() + static_cast<std::ptrdiff_t>(limits_.files);
      for (auto file = first; file != search_.found.end(); ++file) search_.skip(file->name, LeftOut::number);
      search_.found.erase(first, search_.found.end());
    }
    return std::move(search_);
  }

 private:
  enum class Wanted { files, count };

  // Returns how many files there are that were not placed, when only that is wanted.
  std::uint32_t visit(UniqueFd fd, const std::string& prefix, int depth, Wanted wanted) {
    struct Close {
      void operator()(DIR* stream) const { ::closedir(stream); }
    };
    const std::unique_ptr<DIR, Close> stream(::fdopendir(fd.get()));
    if (!stream) {
      search_.complete = false;
      return 0;
    }
    const int here = fd.release();
    std::uint32_t count = 0;
    while (const dirent* entry = ::readdir(stream.get())) {
      const std::string_view name = entry->d_name;
      if (++entries_ > most_entries) {
        search_.complete = false;
        break;
      }
      if (name.starts_with('.')) continue;
      const std::string path = prefix + entry->d_name;
      struct stat info{};
      if (::fstatat(here, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
        search_.skip(path, LeftOut::unreadable);
      } else if (!S_ISDIR(info.st_mode)) {
        if (wanted == Wanted::files) {
          take(path, info);
        } else if (S_ISREG(info.st_mode) && !placed_.contains(path)) {
          ++count;
        }
      } else {
        count += enter(here, entry->d_name, path, depth, wanted);
      }
    }
    return count;
  }

  std::uint32_t enter(int here, const char* name, const std::string& path, int depth, Wanted wanted) {
    if (name == silent_folder) return 0;
    UniqueFd below = open_beneath(here, name, O_RDONLY | O_DIRECTORY);
    if (!below) {
      search_.complete = false;
      search_.skip(path + '/', LeftOut::unreadable);
      return 0;
    }
    if (wanted == Wanted::count)
      return depth < deepest_counted ? visit(std::move(below), path + '/', depth + 1, wanted) : 0;
    const bool is_too_deep = depth == deepest;
    if (!is_too_deep && !dependency_folders.contains(name))
      return visit(std::move(below), path + '/', depth + 1, wanted);
    const std::uint32_t inside = visit(std::move(below), path + '/', depth + 1, Wanted::count);
    if (inside > 0) search_.skip(path + '/', is_too_deep ? LeftOut::depth : LeftOut::folder, inside);
    return 0;
  }

  void take(const std::string& path, const struct stat& info) {
    const auto at = placed_.find(path);
    const Placed* placed = at == placed_.end() ? nullptr : &at->second;
    const auto size = static_cast<std::uint64_t>(info.st_size);
    const bool written = is_written(placed, info);
    if (S_ISLNK(info.st_mode)) {
      search_.skip(path, LeftOut::link);
    } else if (!is_plain_file(info, device_)) {
      search_.skip(path, LeftOut::special);
    } else if (size <= limits_.file_bytes) {
      search_.found.push_back({path, size, written});
    } else if (written) {
      search_.skip(path, LeftOut::size);
    }
  }

  // An input is wanted back wherever it lies.
  void add_placed() {
    for (const auto& [name, placed] : placed_) {
      if (!is_passed_over(name)) continue;
      const UniqueFd file = open_beneath(top_, name.c_str(), O_PATH | O_NOFOLLOW);
      struct stat info{};
      if (file && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode) && is_changed(placed, info))
        take(name, info);
    }
  }

  static bool is_passed_over(std::string_view path) {
    for (;;) {
      const std::size_t slash = path.find('/');
      const std::string_view segment = path.substr(0, slash);
      if (segment.starts_with('.')) return true;
      if (slash == path.npos) return false;
      if (segment == silent_folder || dependency_folders.contains(segment)) return true;
      path.remove_prefix(slash + 1);
    }
  }

  static constexpr int deepest_counted = 40;

  int top_;
  dev_t device_;
  const CollectLimits& limits_;
  const PlacedFiles& placed_;
  Search search_;
  int entries_ = 0;
};

}  // namespace

std::optional<Placed> place_file(int directory, const RelativePath& name, int source, bool read_only, uid_t owner) {
  const std::string doing = "placing an input file";
  UniqueFd parent;
  int at = directory;
  std::string last;
  for (const std::string_view segment : name.segments()) {
    if (!last.empty()) {
      if (::mkdirat(at, last.c_str(), 0755) == 0) {
        sys(doing, [&] { return ::fchownat(at, last.c_str(), owner, owner, AT_SYMLINK_NOFOLLOW); });
      } else if (errno == ENOSPC) {
        return std::nullopt;
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
  if (!file && errno == ENOSPC) return std::nullopt;
  if (!file) throw Failure::from_errno(errno, doing);
  if (!copy_all(source, file.get(), doing)) {
    ::unlinkat(at, last.c_str(), 0);
    return std::nullopt;
  }
  // Into the past: the kernel's clock stands still for milliseconds, in which a program may write.
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const timespec times[2] = {{now.tv_sec - 1, 0}, {now.tv_sec - 1, 0}};
  sys(doing, [&] { return ::futimens(file.get(), times); });
  sys(doing, [&] { return ::fchown(file.get(), owner, owner); });
  struct stat info{};
  sys(doing, [&] { return ::fstat(file.get(), &info); });
  return Placed{info.st_ino, info.st_mtim, info.st_ctim};
}

bool is_there(int directory, const RelativePath& name) {
  const UniqueFd found = open_beneath(directory, name.text().c_str(), O_PATH | O_NOFOLLOW);
  struct stat info{};
  if (!found) return errno != ENOENT && errno != ENOTDIR;
  return ::fstat(found.get(), &info) != 0 || !S_ISDIR(info.st_mode);
}

void Search::skip(const std::string& name, LeftOut reason, std::uint32_t files) {
  counts.at(static_cast<std::size_t>(reason)) += files;
  if (skipped.size() < most_skipped) skipped.push_back({name, reason, files});
}

Search find_files(int directory, const CollectLimits& limits, const PlacedFiles& placed) {
  struct stat info{};
  sys("looking at the workspace", [&] { return ::fstat(directory, &info); });
  return Walk(directory, info.st_dev, limits, placed).run();
}

UniqueFd open_found(int directory, const Found& file) {
  UniqueFd fd = open_beneath(directory, file.name.c_str(), O_RDONLY);
  struct stat above{}, info{};
  if (!fd || ::fstat(directory, &above) != 0 || ::fstat(fd.get(), &info) != 0) return {};
  if (!is_plain_file(info, above.st_dev) || static_cast<std::uint64_t>(info.st_size) != file.size) return {};
  return fd;
}

}  // namespace ci::sandbox
