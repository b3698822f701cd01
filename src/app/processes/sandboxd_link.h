#pragma once
// The descriptor over which the supervisor hands the server the socket of each sandboxd it starts.
//
//   supervisor ── one message per new sandboxd: "sandboxd", its socket ──▶ server
//
// The end of the connection means that the supervisor is gone.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include "base/async.h"
#include "base/unique_fd.h"

namespace ci::app {

// Sends on the supervisor's end.
void send_sandboxd(int link, int socket);

// The server's end. Used on the I/O thread.
class SandboxdLink {
 public:
  SandboxdLink(asio::any_io_executor executor, UniqueFd link);

  // The socket of the next sandboxd; suspends until there is one. Fails as `unavailable` when the supervisor is gone.
  awaitable<UniqueFd> next();

  // Ends the connection to the last one, which ends it with all its sandboxes; the supervisor sends another.
  void renew();

 private:
  UniqueFd last_;  // a copy of the socket that was handed out
  asio::posix::stream_descriptor link_;
};

}  // namespace ci::app
