#pragma once
// A sandbox of sandboxd, seen from the server: three descriptors and what flows over them.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <memory>

#include "base/unique_fd.h"
#include "os/message_socket.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

// What sandboxd hands over for one sandbox. Closing `control` makes the agent end, and with it everything in the sandbox.
class Channel {
 public:
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

  asio::posix::stream_descriptor& control() { return control_; }
  asio::posix::stream_descriptor& out() { return out_; }
  asio::posix::stream_descriptor& err() { return err_; }

 private:
  awaitable<bool> wait_for_room();

  std::uint64_t ticket_;
  asio::posix::stream_descriptor control_, out_, err_;
};

// Whether the agent has said all that it has to say, so that it waits for nothing but its end.
enum class Finished { no, yes };

// What a sandbox is closed with when its lease is dropped; called once.
using EndSandbox = std::function<void(std::unique_ptr<Channel>, Finished)>;

std::unique_ptr<Lease> make_local_lease(
    std::unique_ptr<Channel> channel, std::string source_name, asio::thread_pool& blocking, EndSandbox end);

}  // namespace ci::pool
