#pragma once
// The events of a run as frames, and back.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/body_budget.h"
#include "pool/sandbox_pool.h"
#include "pool/stream/frames.h"
#include "pool/stream/spool.h"

namespace ci::pool {

using WriteBytes = std::function<awaitable<void>(std::string_view)>;

// `event` as frames, through `write`. What is compiled does not travel.
awaitable<void> send_event(Event event, const WriteBytes& write);

// The other end believes nothing: more than these is refused as `invalid`, and so are events in another order than a Lease's.
struct EventLimits {
  std::uint64_t file = 0, state = 0;  // bytes
  std::uint32_t files = 0;
  bool calls = false;  // the program may call
};

class EventReader {
 public:
  // What is too much for memory is in files in `directory`. `room`: for all files of the run; it is given back when the last of them is
  // dropped. A file that finds none is left out, and told of at the end.
  EventReader(
      ByteSource& source, EventLimits limits, std::filesystem::path directory, asio::thread_pool& blocking,
      net::BodyBudget::Share room = {})
      : frames_(source),
        limits_(limits),
        directory_(std::move(directory)),
        blocking_(blocking),
        room_(std::make_shared<net::BodyBudget::Share>(std::move(room))) {}

  // Fails as `unavailable` when the stream ends before a Collected, and as the source does.
  awaitable<Event> next();
  // This call has its answer: the program may make another one.
  void answered(std::uint32_t call) { open_calls_.erase(call); }

 private:
  void check_order(FrameTag tag);
  Call take_call(const std::string& payload);
  Event take_collected(const std::string& payload);
  awaitable<Event> take_file(std::string payload);
  awaitable<std::unique_ptr<ByteSource>> read_body(std::uint64_t limit, std::uint64_t& size, Spool::Place place);

  FrameReader frames_;
  EventLimits limits_;
  std::filesystem::path directory_;
  asio::thread_pool& blocking_;
  bool has_state_ = false, has_outcome_ = false;
  std::uint32_t files_ = 0;
  std::shared_ptr<net::BodyBudget::Share> room_;
  std::uint64_t kept_ = 0;           // bytes of files
  std::vector<std::string> unkept_;  // files that found no room
  std::set<std::uint32_t> open_calls_;
  std::uint32_t at_once_ = 0;  // events since others had their turn
};

}  // namespace ci::pool
