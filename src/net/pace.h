#pragma once
// Whether a client keeps up: what it sent or took, against the time that we waited for it. Time that passes while
// we do something else does not count. A byte now and then is progress, but no reason to wait for ever.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/async.h"

namespace ci::net {

struct LeastPace {
  std::chrono::milliseconds stall{30000};       // without a single byte
  std::chrono::milliseconds head_start{30000};  // of waiting, before the rate counts
  std::uint64_t bytes_per_second = 1024;        // on average, after that
};

class Pace {
 public:
  explicit Pace(const LeastPace& least) : least_(least) {}

  // Begins a wait and says how long it may take.
  Deadline begin_wait(Deadline now) {
    waiting_since_ = now;
    const auto earned = std::chrono::milliseconds(moved_ * 1000 / std::max<std::uint64_t>(1, least_.bytes_per_second));
    const auto left = std::max(std::chrono::steady_clock::duration(0), least_.head_start + earned - waited_);
    return now + std::min<std::chrono::steady_clock::duration>(least_.stall, left);
  }
  void end_wait(Deadline now, std::uint64_t moved) {
    if (waiting_since_) waited_ += now - *std::exchange(waiting_since_, std::nullopt);
    moved_ += moved;
  }

  bool is_waiting() const { return waiting_since_.has_value(); }
  std::chrono::steady_clock::duration waited(Deadline now) const {
    return waiting_since_ ? waited_ + (now - *waiting_since_) : waited_;
  }
  // On average; of what has only begun, as if it had taken a second.
  std::uint64_t bytes_per_second(Deadline now) const {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(waited(now)).count();
    return moved_ * 1000 / static_cast<std::uint64_t>(std::max<std::int64_t>(1000, time));
  }

 private:
  LeastPace least_;
  std::uint64_t moved_ = 0;
  std::chrono::steady_clock::duration waited_{0};
  std::optional<Deadline> waiting_since_;
};

}  // namespace ci::net
