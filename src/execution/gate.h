#pragma once
// How many runs there may be at once. I/O thread only.

#include <string>
#include <utility>

#include "base/async.h"
#include "base/fair_queue.h"

namespace ci::execution {

class Gate {
 public:
  explicit Gate(int places) : places_(places) {}  // 0: any number
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  // One place, given back when it is dropped.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(&gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

   private:
    Gate* gate_;
  };

  // Owners who wait take turns. Fails as `unavailable` at the deadline.
  awaitable<Pass> enter(std::string owner, Deadline deadline);

  // For one that had a place and gave it back for a while: it has all that others wait for, so it waits for nobody. Until
  // enough have left there is one more than there are places.
  Pass enter_again() {
    ++taken_;
    return Pass(*this);
  }

 private:
  struct Waiting {
    explicit Waiting(asio::steady_timer& t) : timer(t) {}
    asio::steady_timer& timer;
    bool admitted = false;
  };

  void leave();

  int places_;
  int taken_ = 0;
  FairQueue<Waiting> waiting_;
};

}  // namespace ci::execution
