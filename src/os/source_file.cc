#include "os/source_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <span>
#include <vector>

#include "base/sys.h"

namespace ci::os {

namespace {

constexpr size_t piece = 256 << 10;

void append(int file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto count = sys("filling a memory file", [&] { return ::write(file, bytes.data(), bytes.size()); });
    bytes = bytes.subspan(static_cast<size_t>(count));
  }
}

}  // namespace

awaitable<UniqueFd> file_of(ByteSource& source) {
  if (const int own = source.descriptor(); own >= 0) {
    co_return UniqueFd(sys("passing on a file", [&] { return ::fcntl(own, F_DUPFD_CLOEXEC, 0); }));
  }
  UniqueFd file(sys("making a memory file", [] { return ::memfd_create("source", MFD_CLOEXEC | MFD_ALLOW_SEALING); }));
  std::vector<std::byte> buffer(piece);
  while (const size_t count = co_await source.read_some(buffer)) append(file.get(), std::span(buffer).first(count));
  sys("sealing a memory file",
      [&] { return ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL); });
  co_return file;
}

}  // namespace ci::os
