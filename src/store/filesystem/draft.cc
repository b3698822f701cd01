#include "store/filesystem/draft.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <vector>

#include "base/ids.h"
#include "base/log.h"
#include "base/sys.h"

namespace ci::store::filesystem {

namespace {

constexpr size_t copy_piece = 256 << 10;
constexpr const char* annotation_name = "user.kubecoderun";

[[noreturn]] void fail(int error, const Place& place, std::string_view doing) {
  if (error == ENOSPC || error == EDQUOT) {
    throw Failure(
        FailureKind::unavailable,
        fmt::format(
            "{} in {}: no space is left on that disk (or its inodes or a quota are used up); free some or enlarge it",
            doing, place.where));
  }
  throw Failure::from_errno(error, fmt::format("{} in {}", doing, place.where));
}

template <class Call>
auto run(const Place& place, std::string_view doing, Call&& call) {
  for (;;) {
    if (auto result = call(); result >= 0) return result;
    if (errno != EINTR) fail(errno, place, doing);
  }
}

std::string descriptor_path(int descriptor) { return fmt::format("/proc/self/fd/{}", descriptor); }

}  // namespace

Draft::Draft(const Place& place, const std::string& shard, std::uint64_t limit) : place_(place), limit_(limit) {
  shard_.reset(run(place, "opening a shard", [&] {
    return ::openat(place.root, shard.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }));
  if (place.nameless) {
    file_.reset(run(
        place, "making a file", [&] { return ::openat(shard_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600); }));
  } else {
    temporary_name_ = new_id();
    file_.reset(run(place, "making a file", [&] {
      return ::openat(place.temporary, temporary_name_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    }));
  }
  // The lock says that the writer lives, to another process that cleans up; it ends with this process.
  ::flock(file_.get(), LOCK_EX | LOCK_NB);
}

Draft::~Draft() {
  if (!temporary_name_.empty()) ::unlinkat(place_.temporary, temporary_name_.c_str(), 0);
}

void Draft::append(std::span<const std::byte> bytes) {
  if (bytes.size() > limit_ - size_) {
    throw Failure(FailureKind::exhausted, fmt::format("the file is larger than {} bytes", limit_));
  }
  hash_.update(bytes);
  size_ += bytes.size();
  while (!bytes.empty()) {
    const auto written =
        run(place_, "writing a file", [&] { return ::write(file_.get(), bytes.data(), bytes.size()); });
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
}

void Draft::append_file(int descriptor) {
  std::vector<std::byte> buffer(copy_piece);
  for (off_t offset = 0;;) {
    const auto got =
        sys("reading a file to store", [&] { return ::pread(descriptor, buffer.data(), buffer.size(), offset); });
    if (got == 0) return;
    append(std::span(buffer).first(static_cast<size_t>(got)));
    offset += got;
  }
}

void Draft::annotate(const std::string& text) {
  if (::fsetxattr(file_.get(), annotation_name, text.data(), text.size(), 0) == 0) return;
  if (errno == ENOTSUP) {
    throw Failure(
        FailureKind::internal,
        fmt::format("the file system of {} has no extended attributes, which metadata of objects needs", place_.where));
  }
  fail(errno, place_, "noting the metadata of a file");
}

std::string annotation_of(int file) {
  std::array<char, 4096> text{};
  const ssize_t size = ::fgetxattr(file, annotation_name, text.data(), text.size());
  if (size >= 0) return std::string(text.data(), static_cast<size_t>(size));
  if (errno == ENODATA || errno == ENOTSUP) return {};
  throw Failure::from_errno(errno, "reading the metadata of a file");
}

bool Draft::link_as(int directory, const std::string& name) const {
  const std::string from = descriptor_path(file_.get());
  if (::linkat(AT_FDCWD, from.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return true;
  if (errno != EEXIST) fail(errno, place_, "naming a file");
  return false;
}

// Flushing a file of a journaling file system costs a commit of its journal, by far the most of what storing costs.
//
// A new object needs one commit: it takes its name first, then the file is flushed, which on ext4, xfs and btrfs
// commits the entry along, and then the directory, which POSIX asks for and which finds nothing left to write. Before
// that the bytes are sent to the disk without waiting for a commit, so that a crash does not find the name
// without them; should it find that on another file system, nobody was promised this object.
//
// An older object may not be lost, so its successor is durable before it takes the name: two commits.
//
// The directories above were synchronised when the store was opened. An entry that vanishes from `temporary` may
// come back after a crash: opening cleans up.
void Draft::publish(const std::string& name) {
  if (temporary_name_.empty()) {
    // An answer of "not supported" costs order, not durability.
    ::sync_file_range(
        file_.get(), 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    if (link_as(shard_.get(), name)) {
      run(place_, "flushing a file", [&] { return ::fsync(file_.get()); });
      run(place_, "flushing a directory", [&] { return ::fsync(shard_.get()); });
      return;
    }
    // linkat does not replace: the file takes a temporary name and is moved over the older one.
    std::string temporary_name = new_id();
    CHECK(link_as(place_.temporary, temporary_name));
    temporary_name_ = std::move(temporary_name);
  }
  run(place_, "flushing a file", [&] { return ::fdatasync(file_.get()); });
  run(place_, "naming a file",
      [&] { return ::renameat(place_.temporary, temporary_name_.c_str(), shard_.get(), name.c_str()); });
  temporary_name_.clear();
  run(place_, "flushing a directory", [&] { return ::fsync(shard_.get()); });
}

bool can_make_nameless(int root, int temporary) {
  const UniqueFd file(::openat(root, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (!file) return false;  // EOPNOTSUPP, or EISDIR and ENOENT from older kernels
  // /proc may be missing, too.
  const std::string name = new_id();
  const std::string from = descriptor_path(file.get());
  if (::linkat(AT_FDCWD, from.c_str(), temporary, name.c_str(), AT_SYMLINK_FOLLOW) < 0) return false;
  ::unlinkat(temporary, name.c_str(), 0);
  return true;
}

int remove_leftovers(int temporary) {
  const int copy = sys(
      "opening the temporary directory", [&] { return ::openat(temporary, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(copy), &::closedir);
  int removed = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const UniqueFd file(::openat(temporary, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    // Another process of ours holds the lock while it writes.
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) < 0) continue;
    if (::unlinkat(temporary, name.c_str(), 0) == 0) ++removed;
  }
  return removed;
}

}  // namespace ci::store::filesystem
