#pragma once
// One connection to one server: logs in, then sends commands in batches and reads their replies. I/O thread only.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/failure.h"
#include "store/redis/protocol.h"
#include "store/redis/wire.h"

namespace ci::store::redis {

class Watchdog;

// How to get in, the same for all servers of a kind.
struct Access {
  Access(asio::any_io_executor runs_on, Login who) : executor(std::move(runs_on)), login(std::move(who)) {}
  asio::any_io_executor executor;
  Login login;
  asio::ssl::context* tls = nullptr;  // null: plain
  bool check_hostname = true;
  bool must_be_master = false;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds timeout{5000};
};

// There is no connection, and nothing was asked. `unavailable`.
class ConnectFailure : public Failure {
 public:
  // Trying again at once is of use, or only after somebody has changed something: a password, a certificate.
  enum class Outlook { passing, lasting };
  ConnectFailure(Outlook how, const std::string& what) : Failure(FailureKind::unavailable, what), outlook_(how) {}
  bool is_lasting() const { return outlook_ == Outlook::lasting; }

 private:
  Outlook outlook_;
};

class Connection {
 public:
  // What a batch came to. With a `loss`, `replies` are those that came before it.
  struct Answer {
    Answer() {}  // gcc12: not an aggregate
    std::vector<Reply> replies;
    std::optional<std::string> loss;  // why there are no more
    bool timed_out = false;
    bool sent = false;  // something has left: whatever has no reply may or may not have been done
  };

  // Within the connect time-out, and not after the deadline. Fails as ConnectFailure; its text holds no address,
  // because clients of ours get to see it.
  static awaitable<std::unique_ptr<Connection>> open(const Access& access, Endpoint endpoint, Deadline deadline);

  // One reply for each encoded command, in their order. Waits until `deadline`, or as long as there is progress at least once
  // in every time-out. When it is cancelled, or reports a loss, the connection is of no more use.
  awaitable<Answer> ask(std::span<const std::string_view> commands, Deadline deadline);

  // Whether it may be asked: whole, idle and, as far as anybody can tell without asking, not ended by the server.
  bool is_usable() { return !busy_ && wire_->is_quiet(); }

 private:
  Connection(const Access& access, std::unique_ptr<Wire> wire);
  static awaitable<void> reach(const Access& access, Wire& wire, const Endpoint& endpoint, Deadline deadline);
  awaitable<void> log_in(Deadline deadline);
  awaitable<void> exchange(std::span<const std::string_view> commands, Answer& answer, Watchdog& watchdog);
  awaitable<void> send(std::span<const std::string_view> commands, Answer& answer, Watchdog& watchdog);
  awaitable<void> write_all(std::string_view bytes, Answer& answer, Watchdog& watchdog);

  const Access& access_;
  std::unique_ptr<Wire> wire_;
  ReplyReader reader_;
  std::vector<char> buffer_;
  bool busy_ = false;
};

}  // namespace ci::store::redis
