#pragma once
// The time of a program: what it may take and what it has taken. It does not go on while the program stands still.

#include <chrono>
#include <optional>

namespace ci::sandbox {

class RunClock {
 public:
  using Clock = std::chrono::steady_clock;

  // From `now` on there are `limit`; what was before is forgotten.
  void begin(Clock::time_point now, Clock::duration limit) {
    begun_ = now;
    limit_ = limit;
    stood_ = {};
    if (stopped_) stopped_ = now;
  }
  void stop(Clock::time_point now) {
    if (!stopped_) stopped_ = now;
  }
  void go_on(Clock::time_point now) {
    if (!stopped_) return;
    stood_ += now - *stopped_;
    stopped_.reset();
  }
  // So much from `now` on, whether it was more or less.
  void set_left(Clock::time_point now, Clock::duration left) { limit_ = spent(now) + left; }

  Clock::duration spent(Clock::time_point now) const { return stopped_.value_or(now) - begun_ - stood_; }
  // When it is over; never while it stands still.
  Clock::time_point end() const { return stopped_ ? Clock::time_point::max() : begun_ + stood_ + limit_; }

 private:
  Clock::time_point begun_;
  Clock::duration limit_{}, stood_{};
  std::optional<Clock::time_point> stopped_;
};

}  // namespace ci::sandbox
