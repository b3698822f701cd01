#pragma once
// The process that makes sandboxes. In the host's eyes it is two: a small one that prepares what needs privileges
// (id maps, a cgroup directory), waits, and tidies up; and, in a user, pid, mount, network, ipc, uts and cgroup
// namespace of its own, the one that does all the work and is root of nothing outside. When either dies the kernel
// kills everything below.

#include "base/unique_fd.h"
#include "sandbox/settings.h"

namespace ci::sandbox {

// Serves `socket` (os/message_socket.h, sandbox/wire.h) until its other end is closed. Returns the exit status.
// The first message sent is `hello`, or `refused` with ticket 0 and a sentence saying what this host lacks.
// The calling process must be single-threaded and is used up.
int sandboxd_main(const SandboxdSettings& settings, UniqueFd socket);

}  // namespace ci::sandbox
