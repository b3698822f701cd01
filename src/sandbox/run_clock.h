#pragma once
// The time of a program: what it may take and what it has taken. It does not go on while the program stands still.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>

namespace ci::sandbox {

inline std::uint64_t microseconds(std::chrono::steady_clock::duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

// Of all that have ended and were waited for, in microseconds.
inline std::uint64_t processor_time_of_children() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto count = [](const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1000000 + static_cast<std::uint64_t>(time.tv_usec);
  };
  return count(usage.ru_utime) + count(usage.ru_stime);
}

// Of a process of ours that has not been waited for, with all its threads, in microseconds.
inline std::uint64_t processor_time_of(pid_t process) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000 + static_cast<std::uint64_t>(time.tv_nsec) / 1000;
}

// For writing a session's state once its program says that it has ended, when so much of the program's time is left. It may be lying,
// so the least of it is what a program can have beyond its limit.
constexpr std::chrono::steady_clock::duration time_to_capture(std::chrono::steady_clock::duration left) {
  constexpr std::chrono::steady_clock::duration least = std::chrono::seconds(3), most = std::chrono::seconds(9);
  return std::clamp(left, least, most);
}

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

  Clock::duration left(Clock::time_point now) const { return limit_ - spent(now); }
  Clock::duration spent(Clock::time_point now) const { return stopped_.value_or(now) - begun_ - stood_; }
  // When it is over; never while it stands still.
  Clock::time_point end() const { return stopped_ ? Clock::time_point::max() : begun_ + stood_ + limit_; }

 private:
  Clock::time_point begun_;
  Clock::duration limit_{}, stood_{};
  std::optional<Clock::time_point> stopped_;
};

}  // namespace ci::sandbox
