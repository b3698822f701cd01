#pragma once
// The parent of the two processes that do the work: the HTTP server ("worker") and sandboxd. It reads nothing that
// comes from outside, so it may keep the privileges that sandboxd needs when it is started again.
//
//   supervisor ─┬─ worker    link on descriptor 3: receives the socket of each sandboxd
//               └─ sandboxd  socket on descriptor 3, the other end in the worker
//
// The worker ends at once when the supervisor dies (PR_SET_PDEATHSIG), sandboxd when its socket has no other end: so
// kill -9 of any of them leaves nothing behind.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace ci::app {

struct SupervisorSettings {
  // After the program's name; the worker gets "--supervisor <pid>" as well.
  std::vector<std::string> worker_arguments;
  std::vector<std::string> sandboxd_arguments;  // none: there is no sandboxd, sandboxes are elsewhere
  // After a request to stop the worker may drain for so long before it is killed.
  std::chrono::seconds patience{60};
};

// The number under which a child finds its socket.
inline constexpr int inherited_socket = 3;

// For a child, once: the socket it was started with. Fails as `invalid` when a person started it.
UniqueFd take_inherited_socket();

// Starts both and keeps both running: sandboxd always, the worker when something killed it. Passes SIGTERM, SIGINT and
// SIGHUP on to the worker. Returns the worker's exit status when it has exited by itself and both are gone.
int supervise(const SupervisorSettings& settings);

// For the worker, which must not outlive the supervisor whose pid this is. Called after the worker has become another
// user: that undoes it.
void end_with_parent(pid_t supervisor);

}  // namespace ci::app
