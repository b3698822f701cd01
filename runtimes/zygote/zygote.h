#pragma once
// How an interpreter that can fork becomes the guests of sandboxes. It is started once, does what is slow, and serves requests of
// sandboxd (sandbox/zygote_tree.h) on a socket: each asks for a child in a sandbox that sandboxd has made.

#include "zygote/working_set.h"

namespace zygote {

// Returns only in the child of a fork. It is by then a guest: in the sandbox's namespaces, cgroup and user, without
// capabilities, filtered. Descriptors 3 and 4 are for the agent (sandbox/guest/words.h), 1 and 2 are the sandbox's; all others but
// `keep` are closed. Ends the process when sandboxd is gone.
void serve(int socket, const WorkingSet& working_set, const Hooks& hooks, int keep = -1);

}  // namespace zygote
