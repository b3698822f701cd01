#include "sandbox/namespaces.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/sys.h"

namespace ci::sandbox {

namespace {

constexpr std::uint64_t always =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;

}  // namespace

// Not by clone3(2), which filters of containers may not know.
pid_t fork_beside(UniqueFd& process) {
  const pid_t pid = static_cast<pid_t>(sys("starting a process", [] { return ::fork(); }));
  if (pid > 0)
    process.reset(static_cast<int>(sys("holding a process", [&] { return ::syscall(SYS_pidfd_open, pid, 0); })));
  return pid;
}

pid_t fork_into_namespaces(Groups seen, UniqueFd& process) {
  int fd = -1;
  clone_args arguments{};
  arguments.flags = always | (seen == Groups::own ? CLONE_NEWCGROUP : 0) | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&fd);
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid > 0) process.reset(fd);
  if (pid < 0) {
    const int error = errno;
    throw Failure(
        FailureKind::unavailable,
        std::string("cannot make namespaces (") + std::strerror(error) +
            "). User namespaces must be allowed: check the sysctls user.max_user_namespaces, "
            "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns, or the container's "
            "seccomp profile");
  }
  return pid;
}

}  // namespace ci::sandbox
