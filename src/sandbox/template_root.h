#pragma once
// The read-only root that all sandboxes of a host share: /usr of the host, a made-up /etc, the harmless devices,
// our runtimes. Built once by sandboxd in its own mount namespace; sandboxes get copies of that namespace and cannot
// unmount or change what they inherit (mount_namespaces(7), "locked").

#include "sandbox/settings.h"

namespace ci::sandbox {

// Leaves the calling process in the new root, with nothing of the host's file systems reachable beside it.
// Called in a fresh mount and pid namespace, with all capabilities in the owning user namespace.
void enter_template_root(const SandboxdSettings& settings);

}  // namespace ci::sandbox
