#pragma once
// The one place that writes to a connection. Whoever comes while another one writes waits its turn, so that pieces
// of two never mix. I/O thread only.

#include <list>

#include "base/async.h"
#include "net/pace.h"
#include "net/transport.h"

namespace ci::net {

class Outbox {
 public:
  // `deadline` is set while a write waits for the client; whoever looks at it closes the transport when it has passed.
  Outbox(asio::any_io_executor executor, Transport& transport, Deadline& deadline, const LeastPace& least)
      : executor_(std::move(executor)), transport_(transport), deadline_(deadline), least_(least), pace_(least) {}

  // A client's slowness with earlier answers is forgotten.
  void begin_answer() { pace_ = Pace(least_); }

  // Writes all of `pieces`, which stay in place until then. Throws boost::system::system_error when the client is
  // gone or too slow, or when an earlier write was cut off half way: nothing sensible can follow that.
  awaitable<void> write(Transport::Pieces pieces);

  bool torn() const { return torn_; }
  const Pace& pace() const { return pace_; }

 private:
  awaitable<void> wait_for_turn();
  void leave();

  asio::any_io_executor executor_;
  Transport& transport_;
  Deadline& deadline_;
  LeastPace least_;
  Pace pace_;
  bool writing_ = false;
  bool torn_ = false;  // set while a write is under way, so that it stays when that is cut off
  struct Waiting;
  std::list<Waiting*> waiting_;
};

}  // namespace ci::net
