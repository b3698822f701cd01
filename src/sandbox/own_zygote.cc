#include "sandbox/own_zygote.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/sys.h"

namespace ci::sandbox {

std::unique_ptr<ZygoteTree> bear_by_own_zygote(const AgentPlan& plan, const AgentDescriptors& fds) {
  auto zygotes = std::make_unique<ZygoteTree>(plan.command, plan.zygote + 1, plan.environment, plan.limits);
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  const UniqueFd stands(ends[0]), tell(ends[1]);
  sys("telling the zygote", [&] { return ::write(tell.get(), "m", 1); });
  const GuestEnds guest{stands.get(),         stands.get(),  fds.guest_go.get(),
                        fds.guest_said.get(), fds.out.get(), fds.err.get()};
  if (!zygotes->fork_into(plan.zygote, guest, {}))
    throw Failure(FailureKind::unavailable, "the zygote ended before it was ready");
  return zygotes;
}

}  // namespace ci::sandbox
