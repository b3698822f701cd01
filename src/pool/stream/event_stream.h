#pragma once
// The events of a run as frames, and back.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "pool/sandbox_pool.h"
#include "pool/stream/frames.h"

namespace ci::pool {

using WriteBytes = std::function<awaitable<void>(std::string_view)>;

// `event` as frames, through `write`. What is compiled does not travel.
awaitable<void> send_event(Event event, const WriteBytes& write);

// The other end believes nothing: more than these is refused as `invalid`.
struct EventLimits {
  std::uint64_t file = 0, state = 0;
  std::uint32_t files = 0;
};

class EventReader {
 public:
  // What is too much for memory is in files in `directory`.
  EventReader(ByteSource& source, EventLimits limits, std::filesystem::path directory, asio::thread_pool& blocking)
      : frames_(source), limits_(limits), directory_(std::move(directory)), blocking_(blocking) {}

  // Fails as `unavailable` when the stream ends before a Collected, and as the source does.
  awaitable<Event> next();

 private:
  awaitable<std::unique_ptr<ByteSource>> read_body(std::uint64_t limit, std::uint64_t& size);

  FrameReader frames_;
  EventLimits limits_;
  std::filesystem::path directory_;
  asio::thread_pool& blocking_;
  std::uint32_t files_ = 0;
};

}  // namespace ci::pool
