#include "sandbox/product.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"

namespace ci::sandbox {

namespace {

// All of `from`, or its first `size` bytes.
std::uint64_t copy(int from, int to, std::uint64_t size, const char* doing) {
  off_t offset = 0;
  while (static_cast<std::uint64_t>(offset) < size) {
    const auto left = static_cast<size_t>(size) - static_cast<size_t>(offset);
    if (sys(doing, [&] { return ::sendfile(to, from, &offset, left); }) == 0) break;
  }
  return static_cast<std::uint64_t>(offset);
}

}  // namespace

UniqueFd take_product(const std::string& path, std::uint64_t limit) {
  const UniqueFd made(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat info{};
  if (!made || ::fstat(made.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_nlink != 1) return {};
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size == 0 || size > limit) return {};
  constexpr const char* doing = "keeping a program";
  UniqueFd kept(sys(doing, [] { return ::memfd_create("program", MFD_CLOEXEC | MFD_ALLOW_SEALING); }));
  if (copy(made.get(), kept.get(), size, doing) != size) return {};
  sys(doing,
      [&] { return ::fcntl(kept.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL); });
  return kept;
}

void place_product(int product, const std::string& path, uid_t owner) {
  constexpr const char* doing = "placing a program";
  struct stat info{};
  sys(doing, [&] { return ::fstat(product, &info); });
  const UniqueFd file(
      sys(doing, [&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755); }));
  copy(product, file.get(), static_cast<std::uint64_t>(info.st_size), doing);
  sys(doing, [&] { return ::fchmod(file.get(), 0755); });  // whatever our umask is
  sys(doing, [&] { return ::fchown(file.get(), owner, owner); });
}

}  // namespace ci::sandbox
