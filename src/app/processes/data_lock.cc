#include "app/processes/data_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "base/log.h"
#include "base/sys.h"

namespace ci::app {

namespace {

// " (process 17)", from /proc/locks; empty when the holder is one whom we do not see.
std::string holder(int directory) {
  struct stat info{};
  if (::fstat(directory, &info) != 0) return "";
  const std::string wanted = fmt::format("{:02x}:{:02x}:{}", major(info.st_dev), minor(info.st_dev), info.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, inode;
    long process = 0;
    if (words >> number >> kind >> mode >> access >> process >> inode && kind == "FLOCK" && inode == wanted &&
        process > 0) {
      return fmt::format(" (process {})", process);
    }
  }
  return "";
}

}  // namespace

UniqueFd hold_data_directory(const std::filesystem::path& directory, Sharing sharing) {
  UniqueFd held(sys("opening the data directory " + directory.string(), [&] {
    return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }));
  if (::flock(held.get(), (sharing == Sharing::none ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0) return held;
  if (errno == EWOULDBLOCK) {
    throw Failure(
        FailureKind::invalid,
        fmt::format(
            "DATA_DIR: {} is in use by another server{}; stop that one, or give this one a directory of its own with "
            "--data-dir",
            directory.string(), holder(held.get())));
  }
  log_warning(
      "the data directory cannot be locked: do not start a second server with it",
      {{"directory", directory.string()}, {"reason", std::strerror(errno)}});
  return held;
}

}  // namespace ci::app
