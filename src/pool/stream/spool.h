#pragma once
// Bytes that come from outside and are wanted later: little of them in memory, more in a file without a name. I/O thread.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/byte_source.h"
#include "base/unique_fd.h"

namespace ci::pool {

class Spool {
 public:
  // A file of a directory; or a memory file, which may be sealed (state/memory.h).
  enum class Place { disk, memory };

  // The file is made in `directory`.
  Spool(std::filesystem::path directory, asio::thread_pool& blocking, Place place = Place::disk)
      : directory_(std::move(directory)), blocking_(blocking), place_(place) {}

  awaitable<void> add(std::string_view bytes);
  std::uint64_t size() const { return size_; }
  // All of it, as a source that has a descriptor.
  awaitable<std::unique_ptr<ByteSource>> take();

 private:
  awaitable<void> write_down();

  std::filesystem::path directory_;
  asio::thread_pool& blocking_;
  Place place_;
  std::string memory_;
  std::uint64_t size_ = 0;
  UniqueFd file_;
};

}  // namespace ci::pool
