#include "store/directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstdint>

#include "base/sys.h"

namespace ci::store {

namespace {

// Less is as good as nothing: one file of a user, or a database that grows by a page file.
constexpr std::uint64_t least_room = 1 << 20;

}  // namespace

UniqueFd make_directory(const std::filesystem::path& directory) {
  const std::filesystem::path path = std::filesystem::absolute(directory).lexically_normal();
  const auto open_directory = [&path] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); };
  if (const int existing = open_directory(); existing >= 0) return UniqueFd(existing);
  if (errno != ENOENT) throw Failure::from_errno(errno, "opening the directory " + path.string());

  // An entry is durable once the directory that holds it was synchronised: parents first, one by one.
  const std::filesystem::path name = path.has_filename() ? path : path.parent_path();
  const UniqueFd parent = make_directory(name.parent_path());
  if (::mkdirat(parent.get(), name.filename().c_str(), 0700) < 0 && errno != EEXIST) {
    throw Failure::from_errno(errno, "making the directory " + path.string());
  }
  sys("synchronising the directory " + name.parent_path().string(), [&] { return ::fsync(parent.get()); });
  return UniqueFd(sys("opening the directory " + path.string(), open_directory));
}

void check_room(int directory, const std::string& where) {
  struct statvfs info{};
  sys("looking at " + where, [&] { return ::fstatvfs(directory, &info); });
  // Some file systems count neither; they have zeros everywhere.
  const bool no_bytes = info.f_blocks > 0 && info.f_bavail * info.f_frsize < least_room;
  const bool no_files = info.f_files > 0 && info.f_favail == 0;
  if (no_bytes || no_files) {
    throw Failure(
        FailureKind::unavailable,
        fmt::format("the disk is full: no {} left in {}", no_bytes ? "space is" : "files are", where));
  }
}

}  // namespace ci::store
