#pragma once
// A guest of a zygote where no namespace can make it the agent's child (sandbox/isolation.h). A process must be waited for by its
// parent: so the zygote is a child of the agent's own, and what that forks becomes the agent's.

#include <memory>

#include "sandbox/agent.h"
#include "sandbox/zygote_tree.h"

namespace ci::sandbox {

// `plan.command` starts the zygotes. They must be kept until the guest is ready. Fails as `unavailable`.
std::unique_ptr<ZygoteTree> bear_by_own_zygote(const AgentPlan& plan, const AgentDescriptors& fds);

}  // namespace ci::sandbox
