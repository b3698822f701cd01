#include "net/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>
#include <vector>

#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"
#include "net/target.h"

namespace ci::net {

namespace {

constexpr std::size_t inbox_capacity = 128 << 10;
constexpr std::size_t source_piece = 256 << 10;
constexpr std::size_t longest_request_id = 64;
constexpr std::chrono::seconds linger_time{2};
constexpr std::uint64_t linger_limit = 64 << 20;  // bytes: more is not a client that is about to read the answer
constexpr std::chrono::seconds goodbye_time{1};

std::string request_id_of(const Headers& headers) {
  if (const auto id = headers.find("X-Request-ID"); id && id->size() <= longest_request_id && is_plausible_id(*id)) {
    return std::string(*id);
  }
  return new_id();
}

LeastPace least_pace(const ServerSettings& settings) {
  LeastPace least;
  least.stall = settings.body_timeout;
  least.head_start = settings.body_head_start;
  least.bytes_per_second = settings.least_bytes_per_second;
  return least;
}

// A deadline that is over when its wait is, however that ends.
class ScopedDeadline {
 public:
  ScopedDeadline(Deadline& place, Deadline value) : place_(place) { place_ = value; }
  ~ScopedDeadline() { place_ = Deadline::max(); }
  ScopedDeadline(const ScopedDeadline&) = delete;
  ScopedDeadline& operator=(const ScopedDeadline&) = delete;

 private:
  Deadline& place_;
};

}  // namespace

class Connection::ChunkWriter final : public BodyWriter {
 public:
  ChunkWriter(Outbox& outbox, BodyFraming framing) : outbox_(outbox), framing_(framing) {}

  awaitable<void> write(std::string_view bytes) override {
    if (bytes.empty()) co_return;  // an empty chunk would be the last one
    Transport::Pieces pieces;
    std::string size;
    pieces[1] = asio::buffer(bytes);
    if (framing_ == BodyFraming::chunked) {
      size = fmt::format("{:x}\r\n", bytes.size());
      pieces[0] = asio::buffer(size);
      pieces[2] = asio::buffer("\r\n", 2);
    }
    co_await outbox_.write(pieces);
  }

 private:
  Outbox& outbox_;
  BodyFraming framing_;
};

Connection::Connection(
    asio::any_io_executor executor, const ServerSettings& settings, const Handler& handler, DateText& date,
    BodyBudget& budget, std::unique_ptr<Transport> transport, asio::ip::address peer, bool reserved)
    : executor_(std::move(executor)),
      settings_(settings),
      handler_(handler),
      date_(date),
      budget_(budget),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      reserved_(reserved),
      inbox_(
          *transport_, std::max<std::size_t>(inbox_capacity, settings.header_limit + std::size_t{8192}),
          [this] { on_client_gone(); }),
      intake_(inbox_, deadline_, least_pace(settings)),
      outbox_(executor_, *transport_, deadline_, least_pace(settings)) {}

awaitable<void> Connection::run() {
  try {
    {
      const ScopedDeadline limit(deadline_, after(head_timeout()));
      shaking_hands_since_ = std::chrono::steady_clock::now();
      co_await transport_->handshake();
      shaking_hands_since_.reset();
    }
    Next next = Next::request;
    while (next == Next::request) next = co_await serve_one();
    if (!over()) co_await finish(next);
  } catch (const boost::system::system_error& error) {
    // Clients leave, networks break, handshakes fail: nothing an operator could act on.
    log_debug("connection ended", {{"peer", peer_.to_string()}, {"reason", error.what()}});
  } catch (const std::exception& error) {
    log_error("connection failed", {{"peer", peer_.to_string()}, {"reason", error.what()}});
  } catch (...) {
    log_error("connection failed", {{"peer", peer_.to_string()}});
  }
  transport_->close();
}

Standing Connection::standing(Deadline now) const {
  Standing result;
  const Pace* pace = nullptr;
  if (intake_.pace().is_waiting()) pace = &intake_.pace();
  if (outbox_.pace().is_waiting()) pace = &outbox_.pace();
  if (idle_since_) {
    result.what = Standing::What::idle;
    result.time = now - *idle_since_;
  } else if (pace != nullptr) {
    result.what = Standing::What::waiting;
    result.time = pace->waited(now);
    result.bytes_per_second = pace->bytes_per_second(now);
  } else if (shaking_hands_since_) {
    result.what = Standing::What::waiting;
    result.time = now - *shaking_hands_since_;
  }
  return result;
}

void Connection::check_deadline(Deadline now) {
  if (now < deadline_) return;
  deadline_ = Deadline::max();
  if (!inbox_.wake(Inbox::Wake::timed_out)) transport_->close();  // a write or the handshake
}

void Connection::drain() {
  draining_ = true;
  if (!working_) inbox_.wake(Inbox::Wake::closed);
}

void Connection::abort() {
  if (aborted_) return;
  aborted_ = true;
  watching_ = false;
  transport_->close();
  cancel_.emit(asio::cancellation_type::terminal);
}

// Who has a reserved place has it for a moment.
std::chrono::seconds Connection::head_timeout() const {
  if (reserved_) return std::min(settings_.header_timeout, settings_.reserved_timeout);
  return settings_.header_timeout;
}

bool Connection::is_probe(const Request& request) const {
  return std::ranges::find(settings_.probes, request.path) != settings_.probes.end();
}

// False when there is none and the connection should close.
awaitable<bool> Connection::wait_for_request() {
  std::optional<Deadline> deadline;  // asking for the time only when there is something to wait for
  for (;;) {
    // Old clients send an empty line after a body.
    while (inbox_.bytes().starts_with('\r') || inbox_.bytes().starts_with('\n')) inbox_.consume(1);
    if (draining_) co_return false;
    if (!inbox_.bytes().empty()) co_return true;
    if (inbox_.ended()) co_return false;
    if (!deadline) deadline = after(reserved_ ? head_timeout() : settings_.idle_timeout);
    if (co_await intake_.wait(shared_from_this(), *deadline) != Inbox::Wake::arrival) co_return false;
  }
}

awaitable<Connection::Next> Connection::serve_one() {
  working_ = false;
  idle_since_ = std::chrono::steady_clock::now();
  if (!co_await wait_for_request()) co_return Next::close;
  idle_since_.reset();
  intake_.begin();
  outbox_.begin_answer();
  RequestHeadParser parser(settings_.header_limit);
  std::optional<Deadline> deadline;
  for (;;) {
    std::size_t consumed = 0;
    auto result = parser.feed(inbox_.bytes(), consumed);
    inbox_.consume(consumed);
    if (!result) co_return co_await refuse(result.error());
    if (*result) co_return co_await answer(**result);
    if (inbox_.ended()) co_return Next::close;
    if (!deadline) deadline = after(head_timeout());
    const Inbox::Wake reason = co_await intake_.wait(shared_from_this(), *deadline);
    if (reason == Inbox::Wake::closed) co_return Next::close;
    if (reason == Inbox::Wake::timed_out) {
      HeadProblem problem;
      problem.status = 408;
      problem.reason = "The request headers came too slowly";
      co_return co_await refuse(problem);
    }
  }
}

awaitable<Connection::Next> Connection::refuse(const HeadProblem& problem) {
  working_ = true;
  Response response = protocol_error(problem.status, problem.reason, new_id());
  const ResponseFraming framing = choose_framing(response, false, false);
  co_await send(response, framing, false);
  co_return Next::linger;
}

awaitable<Connection::Next> Connection::answer(RequestHead& head) {
  working_ = true;
  auto target = parse_target(head.target);
  if (!target) {
    HeadProblem problem;
    problem.reason = "Malformed request target";
    co_return co_await refuse(problem);
  }
  Request request;
  request.method = std::move(head.method);
  request.path = target->path();
  request.segments = std::move(target->segments);
  request.query = std::move(target->query);
  request.id = request_id_of(head.headers);
  request.headers = std::move(head.headers);
  request.peer = peer_;
  request.content_length = head.content_length;
  request.held = BodyBudget::Share(budget_);
  RequestBody body(shared_from_this(), intake_, outbox_, head);
  request.body = &body;

  if (reserved_ && !is_probe(request)) {
    HeadProblem problem;
    problem.status = 503;
    problem.reason = "Too many connections; try again later";
    co_return co_await refuse(problem);
  }
  std::optional<Response> response = co_await run_handler(request);
  if (!response) co_return Next::close;
  const bool keep = head.keep_alive && !response->close && !draining_ && !reserved_ && body.can_be_skipped();
  const ResponseFraming framing = choose_framing(*response, head.http_1_0, keep);
  const bool complete = co_await send(*response, framing, request.method == "HEAD");
  if (over()) co_return Next::close;
  if (!complete || framing.keep_alive == KeepAlive::no) co_return body.done() ? Next::close : Next::linger;
  const bool skipped = co_await body.skip();
  co_return skipped ? Next::request : Next::linger;
}

// Nothing when the client left, or we were told to end, while it ran.
awaitable<std::optional<Response>> Connection::run_handler(Request& request) {
  std::optional<Response> response;
  std::string reason = "not an exception of the standard library";
  watch_client();
  try {
    response = co_await handler_(request);
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {
  }
  watching_ = false;
  if (over()) co_return std::nullopt;
  // The handler ran as part of our own coroutine, so what it changed about cancellation is ours to undo.
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  co_await asio::this_coro::throw_if_cancelled(true);
  if (!response) {
    log_error("handler failed", {{"request", request.id}, {"path", request.path}, {"reason", reason}});
    response = protocol_error(500, "An unexpected error occurred", request.id);
  }
  co_return response;
}

void Connection::watch_client() {
  watching_ = true;
  ++watched_;
  read_ahead();
  if (!inbox_.ended()) return;
  // It left, or at least finished sending, before we came to its request. Answer if that needs no waiting.
  asio::post(executor_, [self = shared_from_this(), request = watched_] {
    if (self->watched_ == request) self->on_client_gone();
  });
}

void Connection::on_client_gone() {
  if (saying_goodbye_) transport_->close();  // it has answered, one way or another
  if (!watching_) return;
  watching_ = false;
  gone_ = true;
  cancel_.emit(asio::cancellation_type::terminal);
}

awaitable<bool> Connection::send(Response& response, const ResponseFraming& framing, bool head_only) {
  std::string head = response_head(response, framing, date_.now());
  if (!head_only && framing.body != BodyFraming::none) {
    if (auto* source = std::get_if<SourceBody>(&response.body); source != nullptr && source->size > 0) {
      co_return co_await send_source(std::move(head), *source);
    }
  }
  Transport::Pieces pieces;
  pieces[0] = asio::buffer(head);
  const bool with_body = !head_only && framing.body != BodyFraming::none;
  if (const auto* text = std::get_if<std::string>(&response.body); text != nullptr && with_body) {
    pieces[1] = asio::buffer(*text);
  }
  co_await outbox_.write(pieces);
  if (const auto* stream = std::get_if<StreamBody>(&response.body); stream != nullptr && with_body) {
    co_return co_await send_stream(*stream, framing.body);
  }
  co_return true;
}

awaitable<bool> Connection::send_source(std::string head, SourceBody& body) {
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min<std::uint64_t>(body.size, source_piece)));
  std::uint64_t left = body.size;
  while (left > 0) {
    const std::size_t room = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
    std::size_t count = 0;
    std::string reason = "it is shorter than announced";
    try {
      count = co_await body.source->read_some(std::span(piece).first(room));
    } catch (const std::exception& error) {
      reason = error.what();
    }
    if (over()) co_return false;
    if (count == 0) {
      log_error("reading a body to send failed", {{"reason", reason}});
      if (left < body.size) co_return false;
      Response failed = protocol_error(500, "An unexpected error occurred", new_id());
      const ResponseFraming framing = choose_framing(failed, false, false);
      co_await send(failed, framing, false);
      co_return false;
    }
    Transport::Pieces pieces;
    pieces[0] = asio::buffer(head);
    pieces[1] = asio::buffer(piece.data(), count);
    co_await outbox_.write(pieces);
    head.clear();
    left -= count;
  }
  co_return true;
}

awaitable<bool> Connection::send_stream(const StreamBody& body, BodyFraming framing) {
  ChunkWriter writer(outbox_, framing);
  std::optional<std::string> reason;
  watch_client();
  try {
    co_await body(writer);
  } catch (const std::exception& error) {
    reason = error.what();
  } catch (...) {
    reason = "not an exception of the standard library";
  }
  watching_ = false;
  if (over()) co_return false;
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  co_await asio::this_coro::throw_if_cancelled(true);
  if (reason) log_warning("streamed answer ended early", {{"peer", peer_.to_string()}, {"reason", *reason}});
  if (reason || outbox_.torn()) co_return false;
  if (framing == BodyFraming::chunked) {
    Transport::Pieces pieces;
    pieces[0] = asio::buffer(std::string_view("0\r\n\r\n"));
    co_await outbox_.write(pieces);
  }
  co_return true;
}

awaitable<void> Connection::finish(Next how) {
  if (how == Next::linger) {
    transport_->end_writing();
    const Deadline deadline = after(linger_time);
    for (std::uint64_t skipped = 0; !inbox_.ended() && skipped < linger_limit;) {
      skipped += inbox_.bytes().size();
      inbox_.consume(inbox_.bytes().size());
      if (co_await intake_.wait(shared_from_this(), deadline) != Inbox::Wake::arrival) break;
    }
  } else if (!outbox_.torn() && !inbox_.ended()) {
    const ScopedDeadline limit(deadline_, after(goodbye_time));
    saying_goodbye_ = true;
    co_await transport_->shut_down();
  }
}

}  // namespace ci::net
