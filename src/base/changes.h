#pragma once
// Tells those who wait that something has changed; they look for themselves whether it is what they wait for. I/O thread.

#include <list>

#include "base/async.h"

namespace ci {

class Changes {
 public:
  explicit Changes(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  // Wakes all who wait now.
  void announce();

  // Until the next announce() or the deadline. Throws operation_aborted when the caller is cancelled. The object may end
  // once it has been announced for the last time; nobody waits any more by then.
  awaitable<void> wait(Deadline deadline = Deadline::max());

 private:
  asio::any_io_executor executor_;
  std::list<asio::steady_timer*> waiting_;
};

}  // namespace ci
