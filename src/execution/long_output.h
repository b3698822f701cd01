#pragma once
// All that a program wrote to one stream, for when the client can only be told its beginning: in memory as long as it is
// small, then in a file that has no name. Called on the I/O thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/byte_source.h"
#include "base/unique_fd.h"

namespace ci::execution {

class LongOutput {
 public:
  // More than `limit` bytes are not kept at all: half of a file is no file. The file is made in `directory`; without one there is
  // only memory.
  LongOutput(std::filesystem::path directory, std::uint64_t limit, asio::thread_pool& blocking)
      : directory_(std::move(directory)), limit_(limit), blocking_(&blocking) {}

  // Suspends while a file is written to.
  awaitable<void> add(std::string_view bytes);

  // How much there was, kept or not.
  std::uint64_t size() const { return size_; }
  // All of it, once, or null.
  awaitable<std::unique_ptr<ByteSource>> take();

 private:
  awaitable<void> write_down();
  void give_up();

  std::filesystem::path directory_;
  std::uint64_t limit_;
  asio::thread_pool* blocking_;
  std::string memory_;  // what is not in the file yet
  UniqueFd file_;
  std::uint64_t size_ = 0;
  bool given_up_ = false;
};

}  // namespace ci::execution
