#pragma once
// What a sandbox is made of on this host, as a plain value: planned before anything is forked, printed by `kubecoderun doctor`.
// `full` is everything that a kernel gives; `contained` is for a pod or container that is itself the boundary, in which namespaces,
// mounts and control groups cannot be had. docs/security.md says what that cannot prevent.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/settings.h"

namespace ci::sandbox {

struct Isolation {
  enum class Root { own, shared };              // a tree of its own, or that of the container
  enum class Workspace { memory, directory };   // a file system of its own, or a directory that is emptied
  enum class Users { two_each, one, callers };  // of the host for each sandbox; the same one for all; whoever we are
  enum class Network { loopback, shared };

  bool namespaces = true;  // user, pid, mount, network, ipc, uts, cgroup
  Root root = Root::own;
  Workspace workspace = Workspace::memory;
  int cgroup = 2;  // version; 0: limits of each process only
  Users users = Users::two_each;
  int landlock = 0;  // version of its interface that is used; 0: none. Before 6 it stops writes, and not signals
  Network network = Network::loopback;
  // Always: no capabilities, no_new_privs, the filter of system calls.

  bool contained() const { return !namespaces; }
  bool operator==(const Isolation&) const = default;
};

// What a host has.
struct HostParts {
  bool users = false;  // a range of them may be mapped, as root or by newuidmap
  int cgroup = 0;      // version of what we may write to; 0: none
  int landlock = 0;    // version of its interface; 0: none
};

// That of this kernel.
int landlock_version();

Isolation plan_isolation(const SandboxdSettings& settings, const HostParts& host);

// Each part and what it is, in words for people.
std::vector<std::pair<std::string, std::string>> describe(const Isolation& isolation);

}  // namespace ci::sandbox
