#pragma once
// A sandbox of sandboxd, seen from the server: three descriptors.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/unique_fd.h"
#include "os/message_socket.h"

namespace ci::pool {

// What sandboxd hands over for one sandbox. Closing `control` makes the agent end, and with it everything in the sandbox.
class Channel {
 public:
  // For the agent to take a message, or a piece of a file.
  static constexpr auto patience = std::chrono::seconds(30);

  Channel(asio::any_io_executor executor, std::uint64_t ticket, UniqueFd control, UniqueFd out, UniqueFd err);

  // By which sandboxd knows it.
  std::uint64_t ticket() const { return ticket_; }

  // Whether a sandbox that is ready still waits: nothing came from its agent, and it has not gone.
  bool waits();
  // The next message of the agent, if one is there. Too many open files fail as `unavailable`.
  os::Received try_receive(os::Message& into);
  // The next message of the agent; nothing when it is gone. Suspends.
  awaitable<std::optional<os::Message>> receive();
  // Suspends while the agent is busy; one that stays so fails as `unavailable`.
  awaitable<void> send(std::string payload, std::vector<UniqueFd> descriptors);

  // Whoever waits for one of these looks again.
  void wake() { control_.cancel(); }
  asio::posix::stream_descriptor& control() { return control_; }
  asio::posix::stream_descriptor& out() { return out_; }
  asio::posix::stream_descriptor& err() { return err_; }

 private:
  awaitable<bool> wait_for_room();

  std::uint64_t ticket_;
  asio::posix::stream_descriptor control_, out_, err_;
};

}  // namespace ci::pool
