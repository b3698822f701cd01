#pragma once
// The last steps before code that nobody trusts: what a process gives up to become a sandbox's guest.
// No allocation after fork is needed, no exceptions: this runs in forked children and in the Python zygote.

#include <linux/filter.h>
#include <sys/types.h>

#include <cstdint>

namespace ci::sandbox {

inline constexpr uid_t guest_id = 65532;  // inside every sandbox, user and group
inline constexpr const char* workspace = "/mnt/data";

struct GuestLimits {
  std::uint64_t open_files = 1024;
  std::uint64_t file_bytes = 0;   // largest file; 0: no limit beside the file system's
  std::uint64_t queue_bytes = 0;  // of POSIX message queues
  // Only where no cgroup can do it (ALLOW_WEAK_SANDBOX=cgroup); 0: not set.
  std::uint64_t address_space_bytes = 0;
  std::uint64_t processes = 0;
  // In a container that is itself the boundary (sandbox/isolation.h): the user stays who it is, and Landlock takes the place of
  // mounts where the kernel has it.
  bool contained = false;
};

// Moves the calling process into the groups behind these descriptors (os::Cgroup), and into a cgroup namespace in
// which they are the root: their names are nobody's business inside. Nothing, or what failed.
const char* join_cgroups(const int* descriptors, int count);

// Standard input is a pipe, which `kubecoderun run` was given, or becomes an opened /dev/null of the caller's own: a lock on one
// that all share would stay.
void take_input();

// Session, limits, user, capabilities, no_new_privs, Landlock, seccomp, in this order: each step takes away something the next
// ones do not need. Standard descriptors and everything that must stay open are the caller's business.
// Nothing, or a phrase naming the step that failed; errno says why.
const char* become_guest(const GuestLimits& limits, const sock_fprog& filter);

}  // namespace ci::sandbox
