#pragma once
// What is said to sandboxd and heard of it (sandbox/wire.h). There may be none for a while: another takes its place then. I/O thread.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "os/message_socket.h"
#include "pool/open.h"

namespace ci::pool {

class SandboxdClient {
 public:
  SandboxdClient(asio::any_io_executor executor, SandboxdConnector connector)
      : connector_(std::move(connector)), socket_(std::move(executor)) {}

  // Waits for one.
  awaitable<void> connect();
  // The next message; nothing once it is gone. Fails as the connection does.
  awaitable<std::optional<os::Message>> next();
  void close() { socket_.close(); }

  // False when it is busy or gone: next() notices the latter.
  bool create(std::uint64_t ticket, const std::string& kind, bool awaited);
  // Of a sandbox whose agent may not notice by itself that we let go of it. sandboxd that is gone has taken the sandbox with it.
  awaitable<void> destroy(std::uint64_t ticket);

 private:
  bool say(const std::string& request);

  SandboxdConnector connector_;
  asio::posix::stream_descriptor socket_;
};

}  // namespace ci::pool
