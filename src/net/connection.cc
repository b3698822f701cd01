#include "net/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/system/system_error.hpp>
#include <vector>

#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"
#include "net/target.h"

namespace ci::net {

namespace {

constexpr std::uint64_t skip_limit = 1 << 20;       // of a body that no handler wanted
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

ResponseFraming choose_framing(const Response& response, const RequestHead& head, bool keep) {
  ResponseFraming framing;
  if (is_bodiless(response.status)) {
    framing.body = BodyFraming::none;
  } else if (const auto* text = std::get_if<std::string>(&response.body)) {
    framing.body = BodyFraming::length;
    framing.length = text->size();
  } else if (const auto* source = std::get_if<SourceBody>(&response.body)) {
    framing.body = BodyFraming::length;
    framing.length = source->size;
  } else if (head.http_1_0) {
    framing.body = BodyFraming::until_close;
    keep = false;
  } else {
    framing.body = BodyFraming::chunked;
  }
  framing.keep_alive = !keep ? KeepAlive::no : head.http_1_0 ? KeepAlive::said : KeepAlive::yes;
  return framing;
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

class Connection::Body final : public ByteSource {
 public:
  explicit Body(Connection& connection) : connection_(connection) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override { return connection_.read_body_some(into); }

 private:
  Connection& connection_;
};

class Connection::ChunkWriter final : public BodyWriter {
 public:
  ChunkWriter(Connection& connection, BodyFraming framing) : connection_(connection), framing_(framing) {}

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
    co_await connection_.write_all(pieces);
  }

 private:
  Connection& connection_;
  BodyFraming framing_;
};

Connection::Connection(
    asio::any_io_executor executor, const ServerSettings& settings, const Handler& handler, DateText& date,
    std::unique_ptr<Transport> transport, asio::ip::address peer)
    : executor_(std::move(executor)),
      settings_(settings),
      handler_(handler),
      date_(date),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      inbox_(
          *transport_, std::max<std::size_t>(inbox_capacity, settings.header_limit + std::size_t{8192}),
          [this] { on_client_gone(); }) {}

awaitable<void> Connection::run() {
  try {
    {
      const ScopedDeadline limit(deadline_, after(settings_.header_timeout));
      co_await transport_->handshake();
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

void Connection::check_deadline(Deadline now) {
  if (now < deadline_) return;
  deadline_ = Deadline::max();
  if (!inbox_.wake(Inbox::Wake::timed_out)) transport_->close();  // a write or the handshake
}

void Connection::drain() {
  draining_ = true;
  if (idle_) inbox_.wake(Inbox::Wake::closed);
}

void Connection::abort() {
  if (aborted_) return;
  aborted_ = true;
  watching_ = false;
  transport_->close();
  cancel_.emit(asio::cancellation_type::terminal);
}

awaitable<Inbox::Wake> Connection::wait_for_bytes(Deadline deadline) {
  read_ahead();
  const ScopedDeadline limit(deadline_, deadline);
  co_return co_await inbox_.wait();
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
    if (!deadline) deadline = after(settings_.idle_timeout);
    if (co_await wait_for_bytes(*deadline) != Inbox::Wake::arrival) co_return false;
  }
}

awaitable<Connection::Next> Connection::serve_one() {
  idle_ = true;
  if (!co_await wait_for_request()) co_return Next::close;
  RequestHeadParser parser(settings_.header_limit);
  std::optional<Deadline> deadline;
  for (;;) {
    std::size_t consumed = 0;
    auto result = parser.feed(inbox_.bytes(), consumed);
    inbox_.consume(consumed);
    if (!result) co_return co_await refuse(result.error());
    if (*result) {
      idle_ = false;
      co_return co_await answer(**result);
    }
    if (inbox_.ended()) co_return Next::close;
    if (!deadline) deadline = after(settings_.header_timeout);
    const Inbox::Wake reason = co_await wait_for_bytes(*deadline);
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
  idle_ = false;
  Response response = protocol_error(problem.status, problem.reason, new_id());
  const ResponseFraming framing = choose_framing(response, RequestHead(), false);
  co_await send(response, framing, false);
  co_return Next::linger;
}

awaitable<Connection::Next> Connection::answer(RequestHead& head) {
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
  decoder_ = head.chunked ? BodyDecoder::chunked() : BodyDecoder::of_length(head.content_length.value_or(0));
  expects_continue_ = head.expects_continue;
  body_broken_ = false;
  Body body(*this);
  request.body = &body;

  std::optional<Response> response = co_await run_handler(request);
  if (!response) co_return Next::close;
  const bool keep = head.keep_alive && !response->close && !draining_ && body_can_be_skipped();
  const ResponseFraming framing = choose_framing(*response, head, keep);
  const bool complete = co_await send(*response, framing, request.method == "HEAD");
  if (over()) co_return Next::close;
  if (!complete || framing.keep_alive == KeepAlive::no) co_return decoder_.done() ? Next::close : Next::linger;
  if (!decoder_.done()) co_return co_await skip_request_body();
  co_return Next::request;
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

awaitable<size_t> Connection::read_body_some(std::span<std::byte> into) {
  CHECK(!into.empty());
  if (decoder_.done()) co_return 0;
  if (body_broken_) throw Failure(FailureKind::invalid, "The request body is incomplete");
  if (expects_continue_) {
    expects_continue_ = false;
    Transport::Pieces pieces;
    pieces[0] = asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n"));
    if (inbox_.bytes().empty()) co_await write_all(pieces);
  }
  for (;;) {
    const auto step = decoder_.decode(inbox_.bytes(), into);
    if (!step) {
      body_broken_ = true;
      throw Failure(FailureKind::invalid, step.error());
    }
    inbox_.consume(step->consumed);
    if (step->produced > 0 || decoder_.done()) {
      read_ahead();
      co_return step->produced;
    }
    if (inbox_.ended()) {
      body_broken_ = true;
      throw Failure(FailureKind::invalid, "The client left before the end of the request body");
    }
    const Inbox::Wake reason = co_await wait_for_bytes(after(settings_.body_timeout));
    if (reason != Inbox::Wake::arrival) {
      body_broken_ = true;
      throw Failure(FailureKind::timeout, "The request body came too slowly");
    }
  }
}

bool Connection::body_can_be_skipped() const {
  if (decoder_.done()) return true;
  // Without our "100 Continue" nobody knows whether the body will come.
  return !expects_continue_ && !body_broken_ && decoder_.remaining().value_or(0) <= skip_limit;
}

awaitable<Connection::Next> Connection::skip_request_body() {
  std::vector<std::byte> scratch(16 << 10);
  std::uint64_t skipped = 0;
  try {
    while (!decoder_.done()) {
      skipped += co_await read_body_some(scratch);
      if (skipped > skip_limit) co_return Next::linger;
    }
  } catch (const Failure&) {
    co_return Next::linger;  // the answer is out; there is nobody to tell
  }
  co_return Next::request;
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
  co_await write_all(pieces);
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
      const ResponseFraming framing = choose_framing(failed, RequestHead(), false);
      co_await send(failed, framing, false);
      co_return false;
    }
    Transport::Pieces pieces;
    pieces[0] = asio::buffer(head);
    pieces[1] = asio::buffer(piece.data(), count);
    co_await write_all(pieces);
    head.clear();
    left -= count;
  }
  co_return true;
}

awaitable<bool> Connection::send_stream(const StreamBody& body, BodyFraming framing) {
  ChunkWriter writer(*this, framing);
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
  if (reason || torn_) co_return false;
  if (framing == BodyFraming::chunked) {
    Transport::Pieces pieces;
    pieces[0] = asio::buffer(std::string_view("0\r\n\r\n"));
    co_await write_all(pieces);
  }
  co_return true;
}

awaitable<void> Connection::write_all(Transport::Pieces pieces) {
  CHECK(!writing_);
  if (torn_) throw boost::system::system_error(asio::error::broken_pipe, "writing to a client");
  writing_ = torn_ = true;  // until the last byte is out
  try {
    while (asio::buffer_size(pieces) > 0) {
      const ScopedDeadline limit(deadline_, after(settings_.body_timeout));
      std::size_t count = co_await transport_->write_some(pieces);
      for (asio::const_buffer& piece : pieces) {
        const std::size_t taken = std::min(count, piece.size());
        piece += taken;
        count -= taken;
      }
    }
  } catch (...) {
    writing_ = false;
    throw;
  }
  writing_ = torn_ = false;
}

awaitable<void> Connection::finish(Next how) {
  if (how == Next::linger) {
    transport_->end_writing();
    const Deadline deadline = after(linger_time);
    for (std::uint64_t skipped = 0; !inbox_.ended() && skipped < linger_limit;) {
      skipped += inbox_.bytes().size();
      inbox_.consume(inbox_.bytes().size());
      if (co_await wait_for_bytes(deadline) != Inbox::Wake::arrival) break;
    }
  } else if (!torn_ && !inbox_.ended()) {
    const ScopedDeadline limit(deadline_, after(goodbye_time));
    saying_goodbye_ = true;
    co_await transport_->shut_down();
  }
}

}  // namespace ci::net
