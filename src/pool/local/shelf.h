#pragma once
// One kind of sandbox: those of it that wait, those that are asked for, and what is known of making them. I/O thread.

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/fair_queue.h"
#include "pool/local/channel.h"
#include "pool/local/stock.h"
#include "pool/open.h"

namespace ci::pool {

std::string language_of(std::string_view kind);

// A language's own kind, also with a set of packages; for Python the smallest zygote.
bool is_plain(std::string_view kind);

// The larger zygotes and some interpreters take seconds to start. Until then their programs wait in line, and all
// others need not.
bool is_quick_to_make(std::string_view kind);

// How many are kept warm whatever is asked for. A language's floor goes to its plain kind; the larger zygote levels of Python keep one each, and
// those with a set of packages none.
int floor_of(std::string_view kind, const PoolSettings& settings);

// A request for which nothing was warm.
struct Waiter {
  explicit Waiter(asio::steady_timer& t) : timer(t) {}
  asio::steady_timer& timer;
  std::unique_ptr<Channel> channel;  // what it was given; the timer is cancelled then
};

// A sandbox that sandboxd was asked for.
struct Pending {
  Pending(std::string what, bool soon) : kind(std::move(what)), awaited(soon) {}
  std::string kind;
  bool awaited;
  Clock::time_point begin = Clock::now();
};

struct Shelf {
  // The one that waits longest and has not died meanwhile; null when there is none, or when others come first.
  std::unique_ptr<Channel> take_warm();

  // It was asked for, and then: it is ready, with so many bytes (0: unknown), or it is not and never will be. Returns how long to wait
  // before the next try.
  void asked_for(const Pending& pending);
  void is_ready(const Pending& pending, std::uint64_t bytes);
  Clock::duration has_failed(const Pending& pending, const std::string& reason);
  // sandboxd is gone, and all sandboxes with it.
  void is_lost();

  KindState state(const std::string& kind, Clock::time_point now) const;

  std::deque<std::unique_ptr<Channel>> warm;
  int creating = 0, awaited = 0;  // see KindState
  std::uint64_t in_use = 0;
  std::uint64_t held = 0;  // bytes of those in use that stand still
  int floor = 0;
  DemandMeter demand;
  FairQueue<Waiter> waiting;
  int made = 0;  // so far
  // Of the quickest so far that nobody waited for: a busy machine makes every one look slow, and some runtimes are ready
  // sooner when they are awaited.
  std::optional<Clock::duration> making_time;
  std::uint64_t memory = 16 << 20;  // bytes of one that is warm; presumed while none has told
  std::string last_failure;
  int failures = 0;  // in a row
  Clock::time_point rests_until{};

 private:
  void forget(const Pending& pending);
};

}  // namespace ci::pool
