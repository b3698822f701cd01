#pragma once
// Ends something that takes too long. Cheaper than a race of coroutines, and its time can be moved while it runs.
// I/O thread only.

#include <functional>
#include <memory>

#include "base/async.h"

namespace ci::store::redis {

class Watchdog {
 public:
  // Calls `bite` once, at the deadline. It is not called after this object has gone.
  Watchdog(asio::any_io_executor executor, Deadline deadline, std::function<void()> bite);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Only ever later.
  void move(Deadline deadline);
  bool has_bitten() const;

 private:
  // Shared with the handler of the timer, which may run once more after we have gone.
  struct State;
  static void wait(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
};

}  // namespace ci::store::redis
