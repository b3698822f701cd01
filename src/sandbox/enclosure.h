#pragma once
// The walls of a sandbox, from inside: what the agent does while it still has the rights for it, and giving these up.
// Called by process 1 of fresh namespaces, single-threaded. Failures say what was being done.

#include "sandbox/agent.h"

namespace ci::sandbox {

// Mounts the memory file systems and a /proc of its own over the shared root, brings up the loopback interface, sets the host's
// name, and enters the workspace.
void make_enclosure(const AgentPlan& plan);

// After the guest's process has become what it is: nothing below /proc can be written to any more, and the caller keeps only the
// rights to kill, to read and to give away the guest's files.
void give_up_rights(const AgentPlan& plan);

}  // namespace ci::sandbox
