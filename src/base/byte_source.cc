#include "base/byte_source.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/sys.h"

namespace ci {

awaitable<size_t> StringSource::read_some(std::span<std::byte> into) {
  const size_t count = std::min(into.size(), bytes_.size() - offset_);
  std::memcpy(into.data(), bytes_.data() + offset_, count);
  offset_ += count;
  co_return count;
}

namespace {

// What the page cache has, without waiting for a disk; nothing when it has not, or when this file system cannot tell.
std::optional<size_t> read_if_cached(int fd, std::span<std::byte> into, off_t offset) {
  const iovec place = {into.data(), into.size()};
  for (;;) {
    const ssize_t count = ::preadv2(fd, &place, 1, offset, RWF_NOWAIT);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) return std::nullopt;
  }
}

}  // namespace

// Most files were written or read a moment ago: fetching them from memory takes less than a turn over another thread.
awaitable<size_t> FileSource::read_some(std::span<std::byte> into) {
  const int fd = file_.get();
  const off_t offset = offset_;
  std::optional<size_t> count = read_if_cached(fd, into, offset);
  if (!count) {
    auto read = [fd, offset, into] {
      return static_cast<size_t>(sys("reading a file", [&] { return ::pread(fd, into.data(), into.size(), offset); }));
    };
    count = co_await on_pool(pool_, read);
  }
  offset_ += static_cast<off_t>(*count);
  co_return *count;
}

}  // namespace ci
