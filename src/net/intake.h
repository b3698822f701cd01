#pragma once
// Waiting for what a client sends, no longer than it deserves. I/O thread only.

#include <memory>

#include "net/inbox.h"
#include "net/pace.h"

namespace ci::net {

class Intake {
 public:
  // `deadline` is set while we wait; whoever looks at it wakes the inbox when it has passed.
  Intake(Inbox& inbox, Deadline& deadline, const LeastPace& least)
      : inbox_(inbox), deadline_(deadline), least_(least), pace_(least) {}

  Inbox& inbox() { return inbox_; }
  const Pace& pace() const { return pace_; }

  // A head or a body begins: the client's slowness with earlier ones is forgotten.
  void begin() { pace_ = Pace(least_); }

  // Waits for more bytes, or the end, until `limit`. `owner` keeps the inbox alive.
  awaitable<Inbox::Wake> wait(std::shared_ptr<void> owner, Deadline limit);
  // The same for as long as the client keeps its pace.
  awaitable<Inbox::Wake> wait_at_pace(std::shared_ptr<void> owner) { return wait(std::move(owner), Deadline::max()); }

 private:
  Inbox& inbox_;
  Deadline& deadline_;
  LeastPace least_;
  Pace pace_;
};

}  // namespace ci::net
