#pragma once
// One client: reads requests, runs the handler for each in turn, writes the answers. A `reserved` one answers a single
// request, and only when that is a probe. I/O thread only.

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/address.hpp>
#include <memory>
#include <optional>

#include "base/async.h"
#include "net/admission.h"
#include "net/body_budget.h"
#include "net/http.h"
#include "net/inbox.h"
#include "net/intake.h"
#include "net/outbox.h"
#include "net/request_body.h"
#include "net/request_head.h"
#include "net/response_head.h"
#include "net/server.h"
#include "net/transport.h"

namespace ci::net {

// Shared by the server's list and the read that is running, which ends after the connection's coroutine.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(
      asio::any_io_executor executor, const ServerSettings& settings, const Handler& handler, DateText& date,
      BodyBudget& budget, std::unique_ptr<Transport> transport, asio::ip::address peer, bool reserved);

  // Serves until the connection ends; throws nothing but what a cancellation brings. Spawn it with cancel_slot().
  awaitable<void> run();
  asio::cancellation_slot cancel_slot() { return cancel_.slot(); }

  // Looks at the deadline. Called every now and then, which is cheaper than a timer for every wait.
  void check_deadline(Deadline now);

  // Ends an idle connection now, another one after the answer it is working on.
  void drain();

  // Ends it whatever it does; its descriptor is closed at once.
  void abort();
  bool aborted() const { return aborted_; }

  // For the choice of who goes when there are too many (admission.h).
  Standing standing(Deadline now) const;
  const asio::ip::address& peer() const { return peer_; }
  bool reserved() const { return reserved_; }

 private:
  class ChunkWriter;

  // What to do after a request: serve the next one, close, or close after the client had time to read our
  // answer. Closing with unread input makes the kernel send RST, which can destroy the answer on its way.
  enum class Next { request, close, linger };

  awaitable<bool> wait_for_request();
  awaitable<Next> serve_one();
  awaitable<Next> refuse(const HeadProblem& problem);
  awaitable<Next> answer(RequestHead& head);
  awaitable<std::optional<Response>> run_handler(Request& request);
  // These say whether the answer is complete; if not, the connection must end for the client to see it.
  awaitable<bool> send(Response& response, const ResponseFraming& framing, bool head_only);
  awaitable<bool> send_source(std::string head, SourceBody& body);
  awaitable<bool> send_stream(const StreamBody& body, BodyFraming framing);
  awaitable<void> finish(Next how);

  std::chrono::seconds head_timeout() const;
  bool is_probe(const Request& request) const;
  void read_ahead() { inbox_.read_ahead(shared_from_this()); }
  void watch_client();
  void on_client_gone();
  bool over() const { return gone_ || aborted_; }

  asio::any_io_executor executor_;
  const ServerSettings& settings_;
  const Handler& handler_;
  DateText& date_;
  BodyBudget& budget_;
  std::unique_ptr<Transport> transport_;
  asio::ip::address peer_;
  bool reserved_;
  Inbox inbox_;
  Deadline deadline_ = Deadline::max();
  Intake intake_;
  Outbox outbox_;
  asio::cancellation_signal cancel_;

  std::optional<Deadline> idle_since_;  // no byte of a request is there
  std::optional<Deadline> shaking_hands_since_;
  bool working_ = false;   // on a request whose head is complete
  bool watching_ = false;  // a handler or stream runs, to be cancelled when the client leaves
  std::uint64_t watched_ = 0;
  bool draining_ = false;
  bool gone_ = false;     // the client left
  bool aborted_ = false;  // we cut it
  bool saying_goodbye_ = false;
};

}  // namespace ci::net
