#pragma once
// Takes a source apart into pieces that fit into memory, counts and hashes what passes. One caller at a time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/async.h"
#include "base/byte_source.h"
#include "base/sha256.h"

namespace ci::store::s3 {

class PartReader {
 public:
  PartReader(ByteSource& source, std::uint64_t limit, asio::thread_pool& pool);

  // Fills `buffer` and says how much of it; less than its size is the end. More than the limit in all fails as
  // `exhausted`.
  awaitable<size_t> fill(std::span<std::byte> buffer);
  // Adds the next bytes to the hash of the whole. Large pieces are hashed on the pool. With `separately` it returns the
  // hash of this piece alone as well, else an empty text.
  awaitable<std::string> hash(std::span<const std::byte> piece, bool separately);

  std::uint64_t size() const { return size_; }
  std::string sha256() { return hash_.hex(); }  // of everything hashed; once

 private:
  ByteSource& source_;
  std::uint64_t limit_;
  asio::thread_pool& pool_;
  int descriptor_;
  std::uint64_t size_ = 0;
  Sha256 hash_;
};

}  // namespace ci::store::s3
