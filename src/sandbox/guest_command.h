#pragma once
// The guest's process between the agent's fork and the user's program: becomes the guest, waits, compiles where the
// language does, and turns into the command.

#include "sandbox/agent.h"

namespace ci::sandbox {

// Births `launched` and `started`. Called in the child; never returns. What it says and hears is in guest/words.h.
[[noreturn]] void run_guest(const AgentPlan& plan, const AgentDescriptors& descriptors, const SeccompFilter& filter);

}  // namespace ci::sandbox
