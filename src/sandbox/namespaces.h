#pragma once
// A process in namespaces of its own.

#include <sys/types.h>

#include "base/unique_fd.h"

namespace ci::sandbox {

// Which control groups the child sees: its own and those below, or all that we see. Where namespaces bound what may be moved
// (nsdelegate), sandboxd could else move no guest into a group.
enum class Groups { own, all };

// fork(2) into new user, pid, mount, network, ipc, uts and perhaps cgroup namespaces. Returns 0 in the child, which is single-threaded like
// its parent, so all of C++ works in it; in the parent the child's id, with its pidfd in `process`. Fails as `unavailable` with a
// sentence that says what to allow.
pid_t fork_into_namespaces(Groups seen, UniqueFd& process);
// The same into none.
pid_t fork_beside(UniqueFd& process);

}  // namespace ci::sandbox
