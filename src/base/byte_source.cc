#include "base/byte_source.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/sys.h"

namespace ci {

awaitable<size_t> StringSource::read_some(std::span<std::byte> into) {
  const size_t count = std::min(into.size(), bytes_.size() - offset_);
  std::memcpy(into.data(), bytes_.data() + offset_, count);
  offset_ += count;
  co_return count;
}

awaitable<size_t> FileSource::read_some(std::span<std::byte> into) {
  const int fd = file_.get();
  const off_t offset = offset_;
  auto read = [fd, offset, into] {
    return static_cast<size_t>(
        sys("reading a file", [&] { return ::pread(fd, into.data(), into.size(), offset); }));
  };
  const size_t count = co_await on_pool(pool_, read);
  offset_ += static_cast<off_t>(count);
  co_return count;
}

}  // namespace ci
