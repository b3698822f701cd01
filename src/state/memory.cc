#include "state/memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>

#include "base/sys.h"
#include "base/write_all.h"
#include "os/message_socket.h"
#include "state/wire.h"

namespace ci::state {

namespace {

constexpr int unchangeable = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;

}  // namespace

UniqueFd make_memory_file() {
  return UniqueFd(sys("making a memory file", [] { return ::memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING); }));
}

void append(int file, std::string_view bytes) { write_all(file, bytes, "filling a memory file"); }

void seal(int file) {
  sys("sealing a memory file", [&] { return ::fcntl(file, F_ADD_SEALS, unchangeable | F_SEAL_SEAL); });
}

UniqueFd make_capture_file(std::uint64_t limit) { return os::sized_memory_file("state", limit + 1); }

Captured take_capture(int file, std::uint64_t limit) {
  struct stat info{};
  sys("looking at a memory file", [&] { return ::fstat(file, &info); });
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size > limit) return {Captured::Kind::nothing, size};
  if (size == 0) return {Captured::Kind::empty, 0};
  if (size < shortest_state) return {Captured::Kind::unchanged, 0};
  // Fails when the sandbox has sealed it in a way of its own; what counts is what holds now.
  ::fcntl(file, F_ADD_SEALS, unchangeable | F_SEAL_SEAL);
  const int seals = ::fcntl(file, F_GET_SEALS);
  unsigned char version = 0;
  const bool fixed = seals >= 0 && (seals & unchangeable) == unchangeable;
  if (!fixed || ::pread(file, &version, 1, 0) != 1 || !is_known_version(version)) {
    return {Captured::Kind::damaged, size};
  }
  return {Captured::Kind::state, size};
}

UniqueFd open_again(int file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  return UniqueFd(sys("opening a memory file", [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
}

awaitable<UniqueFd> gather(ByteSource& body) {
  UniqueFd file = make_memory_file();
  std::string piece(256 << 10, '\0');
  for (;;) {
    const std::size_t got = co_await body.read_some(std::as_writable_bytes(std::span<char>(piece)));
    if (got == 0) break;
    append(file.get(), std::string_view(piece).substr(0, got));
  }
  seal(file.get());
  co_return file;
}

std::string read_whole(int file, std::uint64_t size) {
  std::string bytes(size, '\0');
  for (std::size_t done = 0; done < size;) {
    const auto got = sys(
        "reading a state", [&] { return ::pread(file, bytes.data() + done, size - done, static_cast<off_t>(done)); });
    if (got == 0) throw Failure(FailureKind::internal, "a state is shorter than it was");
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

UniqueFd copy_to_memory(int from, std::uint64_t size) {
  UniqueFd file = make_memory_file();
  off_t offset = 0;
  while (static_cast<std::uint64_t>(offset) < size) {
    const auto got = sys("copying a state", [&] {
      return ::sendfile(file.get(), from, &offset, size - static_cast<std::uint64_t>(offset));
    });
    if (got == 0) throw Failure(FailureKind::internal, "a state is shorter than it was");
  }
  seal(file.get());
  return file;
}

}  // namespace ci::state
