#include "pool/local/sandboxd_client.h"

#include "sandbox/wire.h"

namespace ci::pool {

namespace {

using sandbox::Tag;
using sandbox::Writer;

constexpr auto busy_time = std::chrono::milliseconds(5);  // until it is asked again

}  // namespace

awaitable<void> SandboxdClient::connect() {
  UniqueFd socket = co_await connector_();
  socket_.assign(socket.release());
  socket_.native_non_blocking(true);
}

awaitable<std::optional<os::Message>> SandboxdClient::next() {
  os::Message message;
  for (;;) {
    const auto received = os::receive_message(socket_.native_handle(), message);
    if (received == os::Received::closed) co_return std::nullopt;
    if (received == os::Received::message) co_return std::move(message);
    co_await socket_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  }
}

bool SandboxdClient::say(const std::string& request) { return os::send_message(socket_.native_handle(), request); }

bool SandboxdClient::create(std::uint64_t ticket, const std::string& kind, bool awaited) {
  const std::string request = Writer(Tag::create).number(ticket).text(kind).number<std::uint8_t>(awaited).bytes();
  try {
    return socket_.is_open() && say(request);
  } catch (const Failure&) {
    return false;
  }
}

awaitable<void> SandboxdClient::destroy(std::uint64_t ticket) {
  const std::string request = Writer(Tag::destroy).number(ticket).bytes();
  while (socket_.is_open()) {
    try {
      if (say(request)) co_return;
    } catch (const Failure&) {
      co_return;
    }
    co_await sleep_for(busy_time);
  }
}

}  // namespace ci::pool
