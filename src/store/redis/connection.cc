#include "store/redis/connection.h"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.h"
#include "store/redis/watchdog.h"

namespace ci::store::redis {

using asio::ip::tcp;
using boost::system::error_code;
using Outlook = ConnectFailure::Outlook;

namespace {

constexpr size_t read_size = 64 << 10;
// Commands up to this size are joined into one write.
constexpr size_t join_size = 64 << 10;

std::string seconds_text(std::chrono::milliseconds time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

// Look-ups cannot be interrupted, so who waits for one can only go away: what it needs is shared with its handler.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), done(executor) {}
  tcp::resolver resolver;
  asio::steady_timer done;
  bool finished = false;
  error_code error;
  tcp::resolver::results_type results;
};

awaitable<tcp::resolver::results_type> look_up(const Endpoint& endpoint, Deadline deadline) {
  auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  lookup->done.expires_at(deadline);
  lookup->resolver.async_resolve(
      endpoint.host, std::to_string(endpoint.port), tcp::resolver::numeric_service,
      [lookup](const error_code& error, tcp::resolver::results_type results) {
        lookup->finished = true;
        lookup->error = error;
        lookup->results = std::move(results);
        lookup->done.cancel();
      });
  error_code woken;
  co_await lookup->done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  if (!lookup->finished) {
    lookup->resolver.cancel();
    if (woken) throw boost::system::system_error(woken);  // cancelled
    throw ConnectFailure(Outlook::passing, "the name of the Redis server was not found in time");
  }
  if (lookup->error) {
    throw ConnectFailure(Outlook::passing, "the name of the Redis server cannot be found: " + lookup->error.message());
  }
  co_return std::move(lookup->results);
}

// Why a server that we reached does not let us in.
[[noreturn]] void refuse(const Reply& reply) {
  const std::string& text = reply.text;
  for (const char* code : {"WRONGPASS", "NOAUTH", "NOPERM", "DENIED"}) {
    if (reply.is_error(code)) {
      throw ConnectFailure(Outlook::lasting, "Redis does not let us in (REDIS_PASSWORD, REDIS_URL): " + text);
    }
  }
  if (text.contains("invalid password") || text.contains("DB index")) {
    throw ConnectFailure(Outlook::lasting, "Redis does not let us in (REDIS_PASSWORD, REDIS_DB, REDIS_URL): " + text);
  }
  throw ConnectFailure(Outlook::passing, "Redis cannot be used now: " + text);
}

bool wants_no_password(const Reply& reply) {
  return reply.text.contains("without any password") || reply.text.contains("no password is set");
}

}  // namespace

Connection::Connection(const Access& access, std::unique_ptr<Wire> wire)
    : access_(access), wire_(std::move(wire)), buffer_(read_size) {}

awaitable<std::unique_ptr<Connection>> Connection::open(const Access& access, Endpoint endpoint, Deadline deadline) {
  deadline = std::min(deadline, after(access.connect_timeout));
  std::unique_ptr<Connection> connection(
      new Connection(access, open_wire(access.executor, access.tls, endpoint.host, access.check_hostname)));
  co_await reach(access, *connection->wire_, endpoint, deadline);
  co_await connection->log_in(deadline);
  co_return connection;
}

awaitable<void> Connection::reach(const Access& access, Wire& wire, const Endpoint& endpoint, Deadline deadline) {
  const auto places = co_await look_up(endpoint, deadline);
  Watchdog watchdog(access.executor, deadline, [&wire] { wire.close(); });
  const char* doing = "cannot be reached";
  std::string reason;
  try {
    co_await asio::async_connect(wire.socket(), places, asio::use_awaitable);
    wire.socket().set_option(tcp::no_delay(true));
    wire.socket().set_option(asio::socket_base::keep_alive(true));
    wire.socket().non_blocking(true);
    doing = "cannot be spoken to over TLS";
    co_await wire.handshake();
    co_return;
  } catch (const boost::system::system_error& error) {
    if (watchdog.has_bitten()) {
      reason = "no answer within " + seconds_text(access.connect_timeout);
    } else if (error.code() == asio::error::operation_aborted) {
      throw;
    } else {
      reason = error.code().message();
      if (error.code().category() == asio::error::get_ssl_category()) {
        throw ConnectFailure(Outlook::lasting, fmt::format("Redis {} (REDIS_SSL…): {}", doing, reason));
      }
    }
  }
  throw ConnectFailure(Outlook::passing, fmt::format("Redis {}: {}", doing, reason));
}

awaitable<void> Connection::log_in(Deadline deadline) {
  const Login& login = access_.login;
  std::vector<Command> commands;
  if (!login.user.empty()) {
    commands.push_back(Command({"AUTH", login.user, login.password}));
  } else if (!login.password.empty()) {
    commands.push_back(Command({"AUTH", login.password}));
  }
  const size_t before_select = commands.size();
  if (login.database != 0) commands.push_back(Command({"SELECT", std::to_string(login.database)}));
  commands.push_back(Command({"PING"}));
  if (access_.must_be_master) commands.push_back(Command({"ROLE"}));

  std::vector<std::string_view> texts;
  for (const Command& command : commands) texts.push_back(command.bytes());
  const Answer answer = co_await ask(texts, deadline);
  for (size_t i = 0; i < answer.replies.size(); ++i) {
    const Reply& reply = answer.replies[i];
    if (!reply.is_error()) continue;
    if (i < before_select && wants_no_password(reply)) continue;       // it has none: then ours is not needed
    if (access_.must_be_master && i + 1 == commands.size()) continue;  // we may not ask for the role
    refuse(reply);
  }
  if (answer.timed_out) {
    throw ConnectFailure(Outlook::passing, "Redis does not answer within " + seconds_text(access_.connect_timeout));
  }
  if (answer.loss) throw ConnectFailure(Outlook::passing, "Redis cannot be used now: " + *answer.loss);
  if (!access_.must_be_master) co_return;
  const Reply& role = answer.replies.back();
  if (!role.elements.empty() && role.elements.front().text != "master") {
    throw ConnectFailure(Outlook::passing, "the Redis server that was the master is none any more");
  }
}

awaitable<Connection::Answer> Connection::ask(std::span<const std::string_view> commands, Deadline deadline) {
  Answer answer;
  busy_ = true;
  Watchdog watchdog(access_.executor, deadline, [this] { wire_->close(); });
  try {
    co_await exchange(commands, answer, watchdog);
    busy_ = answer.loss.has_value();
    co_return answer;
  } catch (const boost::system::system_error& error) {
    if (watchdog.has_bitten()) {
      answer.timed_out = true;
      answer.loss = fmt::format("no answer within {}", seconds_text(access_.timeout));
    } else if (error.code() == asio::error::operation_aborted) {
      throw;
    } else {
      answer.loss = error.code().message();
    }
  } catch (const Failure& failure) {
    answer.loss = failure.what();
  }
  co_return answer;
}

awaitable<void> Connection::exchange(std::span<const std::string_view> commands, Answer& answer, Watchdog& watchdog) {
  co_await send(commands, answer, watchdog);
  answer.replies.reserve(commands.size());
  for (;;) {
    while (answer.replies.size() < commands.size()) {
      std::optional<Reply> reply = reader_.next();
      if (!reply) break;
      answer.replies.push_back(std::move(*reply));
    }
    if (answer.replies.size() == commands.size()) co_return;
    const size_t count = co_await wire_->read_some(asio::buffer(buffer_));
    if (count == 0) {
      answer.loss = "the server closed the connection";
      co_return;
    }
    reader_.feed(std::string_view(buffer_.data(), count));
    watchdog.move(after(access_.timeout));
  }
}

awaitable<void> Connection::send(std::span<const std::string_view> commands, Answer& answer, Watchdog& watchdog) {
  std::string joined;
  for (const std::string_view bytes : commands) {
    if (bytes.size() < join_size) joined += bytes;
    if (joined.size() < join_size && bytes.size() < join_size) continue;
    co_await write_all(joined, answer, watchdog);
    joined.clear();
    if (bytes.size() >= join_size) co_await write_all(bytes, answer, watchdog);
  }
  co_await write_all(joined, answer, watchdog);
}

awaitable<void> Connection::write_all(std::string_view bytes, Answer& answer, Watchdog& watchdog) {
  while (!bytes.empty()) {
    const size_t count = co_await wire_->write_some(asio::buffer(bytes));
    answer.sent = true;
    bytes.remove_prefix(count);
    // The last piece is no sign of life: it may lie in a buffer of this machine.
    if (!bytes.empty()) watchdog.move(after(access_.timeout));
  }
}

}  // namespace ci::store::redis
