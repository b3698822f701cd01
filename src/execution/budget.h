#pragma once
// Time that may be spent, and that does not go on while it is stopped. I/O thread.

#include <algorithm>

#include "base/changes.h"

namespace ci::execution {

class Budget {
  using Clock = std::chrono::steady_clock;

 public:
  Budget(asio::any_io_executor executor, Clock::duration time) : changes_(std::move(executor)), end_(after(time)) {}

  // Stops may nest; each is followed by one go_on().
  void stop() {
    if (stops_++ == 0) left_ = std::max(end_ - Clock::now(), Clock::duration(0));
  }
  void go_on() {
    if (--stops_ > 0) return;
    end_ = after(left_);
    if (waits_for_changes_) changes_.announce();
  }
  // So much from now on, whether it was more or less.
  void set(Clock::duration time) {
    left_ = time;
    end_ = after(time);
    changes_.announce();
  }

  awaitable<void> spent() {
    // One that was stopped or grew wakes at its earlier end, and looks again.
    while (stops_ > 0 || Clock::now() < end_) {
      waits_for_changes_ = stops_ > 0;
      Deadline wake = end_;
      if (waits_for_changes_) wake = Deadline::max();
      co_await changes_.wait(wake);
    }
  }

 private:
  Changes changes_;
  Deadline end_;
  Clock::duration left_{0};  // while it is stopped
  int stops_ = 0;
  bool waits_for_changes_ = false;
};

}  // namespace ci::execution
