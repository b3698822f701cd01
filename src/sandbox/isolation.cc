#include "sandbox/isolation.h"

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace ci::sandbox {

int landlock_version() {
  return static_cast<int>(
      std::max(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION), 0l));
}

Isolation plan_isolation(const SandboxdSettings& settings, const HostParts& host) {
  Isolation plan;
  if (settings.is_contained()) {
    plan.namespaces = false;
    plan.root = Isolation::Root::shared;
    plan.workspace = Isolation::Workspace::directory;
    plan.cgroup = 0;
    plan.users = Isolation::Users::callers;
    plan.landlock = host.landlock;
    plan.network = Isolation::Network::shared;
    return plan;
  }
  plan.cgroup = host.cgroup;
  plan.users = host.users ? Isolation::Users::two_each : Isolation::Users::one;
  return plan;
}

std::vector<std::pair<std::string, std::string>> describe(const Isolation& plan) {
  const auto landlock = [&]() -> std::string {
    if (plan.landlock >= 6) return "writes only to the workspace, signals only within the sandbox";
    if (plan.landlock > 0) return "writes only to the workspace; this kernel does not know how to keep signals inside";
    return plan.namespaces ? "not needed" : "not in this kernel";
  };
  const auto users = [&]() -> std::string {
    switch (plan.users) {
      case Isolation::Users::two_each:
        return "two of the host for each sandbox, which nobody else has";
      case Isolation::Users::one:
        return "the server's own, alone in a namespace of its own";
      case Isolation::Users::callers:
        break;
    }
    return "the server's own";
  };
  return {
      {"namespaces", plan.namespaces ? "user, pid, mount, network, ipc, uts, cgroup" : "none: those of the container"},
      {"root",
       plan.root == Isolation::Root::own ? "a read-only tree with /usr and little else" : "that of the container"},
      {"workspace", plan.workspace == Isolation::Workspace::memory
                        ? "memory file systems of its own"
                        : "/mnt/data and /tmp of the container, emptied for each run"},
      {"control groups", plan.cgroup > 0 ? "version " + std::to_string(plan.cgroup)
                                         : "none: limits of each process, and the memory of all of them is looked at"},
      {"users", users()},
      {"capabilities", "none"},
      {"system calls", "those of the list"},
      {"Landlock", landlock()},
      {"network", plan.network == Isolation::Network::loopback ? "loopback of its own" : "that of the container"},
  };
}

}  // namespace ci::sandbox
