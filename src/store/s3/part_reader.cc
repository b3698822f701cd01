#include "store/s3/part_reader.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/sys.h"

namespace ci::store::s3 {

namespace {

// Hashing this much takes less time than a trip to the pool is worth.
constexpr size_t small_piece = 32 << 10;

}  // namespace

PartReader::PartReader(ByteSource& source, std::uint64_t limit, asio::thread_pool& pool)
    : source_(source), limit_(limit), pool_(pool), descriptor_(source.descriptor()) {}

awaitable<size_t> PartReader::fill(std::span<std::byte> buffer) {
  size_t filled = 0;
  if (descriptor_ >= 0) {
    auto read = [&] {
      while (filled < buffer.size()) {
        const auto got = sys("reading a file to store", [&] {
          return ::pread(
              descriptor_, buffer.data() + filled, buffer.size() - filled, static_cast<off_t>(size_ + filled));
        });
        if (got == 0) break;
        filled += static_cast<size_t>(got);
      }
    };
    co_await on_pool(pool_, read);
  } else {
    while (filled < buffer.size()) {
      const size_t got = co_await source_.read_some(buffer.subspan(filled));
      if (got == 0) break;
      filled += got;
      if (filled > limit_ - size_) break;
    }
  }
  if (filled > limit_ - size_) {
    throw Failure(FailureKind::exhausted, fmt::format("the file is larger than {} bytes", limit_));
  }
  size_ += filled;
  co_return filled;
}

awaitable<std::string> PartReader::hash(std::span<const std::byte> piece, bool separately) {
  std::string own;
  auto work = [&] {
    hash_.update(piece);
    if (separately) own = sha256_hex(std::string_view(reinterpret_cast<const char*>(piece.data()), piece.size()));
  };
  if (piece.size() <= small_piece) {
    work();
  } else {
    co_await on_pool(pool_, work);
  }
  co_return own;
}

}  // namespace ci::store::s3
