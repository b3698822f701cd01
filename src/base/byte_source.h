#pragma once
// Bytes that arrive in pieces: an upload, a stored object, a file a guest made.

#include <cstddef>
#include <span>
#include <string>

#include "base/async.h"
#include "base/unique_fd.h"

namespace ci {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Reads at least one byte into `into` (not empty) and says how many; 0 is the end. Fails as the source does.
  virtual awaitable<size_t> read_some(std::span<std::byte> into) = 0;

  // A descriptor of a regular file that holds exactly these bytes, from offset 0, as long as this object lives;
  // -1 when there is none. Lets a reader copy within the kernel.
  virtual int descriptor() const { return -1; }
};

// Bytes already in memory.
class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string bytes) : bytes_(std::move(bytes)) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override;

 private:
  std::string bytes_;
  size_t offset_ = 0;
};

// An open regular file, read on `pool` with pread from offset 0 to its end at the time of reading.
class FileSource final : public ByteSource {
 public:
  FileSource(UniqueFd file, asio::thread_pool& pool) : file_(std::move(file)), pool_(pool) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override;
  int descriptor() const override { return file_.get(); }

 private:
  UniqueFd file_;
  asio::thread_pool& pool_;
  off_t offset_ = 0;
};

}  // namespace ci
