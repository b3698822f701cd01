#pragma once
// Sends commands to whoever holds their keys, and again when that has changed or a connection was lost. I/O thread
// only.
//
// Everything ends within the time-out, with the replies or as `unavailable`; only an answer that keeps coming may take
// longer. Until then a server that cannot be reached, is starting or is being replaced is tried again and again, with
// growing pauses of random length. What certainly was not done is always sent again. What may have been done, because the
// connection was lost after it was sent, is sent again only with Repeat::allowed.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/redis/servers.h"

namespace ci::store::redis {

// Commands that go to one server together: one of them, or several as a transaction.
struct Unit {
  Unit(std::uint16_t slot_of_keys, Command command) : slot(slot_of_keys) { commands.push_back(std::move(command)); }
  Unit(std::uint16_t slot_of_keys, std::vector<Command> several) : slot(slot_of_keys), commands(std::move(several)) {}

  std::uint16_t slot;
  std::vector<Command> commands;  // one at least
  std::shared_ptr<Pool> place;    // sends it there, whatever its slot
  bool asking = false;            // the slot is on its way to `place`
};

enum class Repeat { never, allowed };
enum class Order { any, given };  // given: no unit is sent before those in front of it were answered or sent with it

class Client {
 public:
  Client(Servers& servers, std::chrono::milliseconds timeout) : servers_(servers), timeout_(timeout) {}

  // A reply for each unit: the command's, or EXEC's. It may be an error of that command; see require_success().
  awaitable<std::vector<Reply>> run(std::vector<Unit> units, Repeat repeat, Order order = Order::any);
  awaitable<Reply> run_one(Unit unit, Repeat repeat);

  Deadline deadline() const { return after(timeout_); }

 private:
  class Job;

  Servers& servers_;
  std::chrono::milliseconds timeout_;
};

// Throws a Failure of the fitting kind when `reply`, or an element of it, is an error.
void require_success(const Reply& reply);

}  // namespace ci::store::redis
