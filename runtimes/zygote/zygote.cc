#include "zygote/zygote.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

#include "sandbox/guest/guest.h"
#include "sandbox/guest/listen.h"
#include "sandbox/guest/seccomp_filter.h"
#include "sandbox/guest/words.h"

namespace zygote {

namespace {

using ci::sandbox::GuestLimits;
using ci::sandbox::SeccompFilter;

using ci::sandbox::from_agent;
using ci::sandbox::to_agent;

constexpr int plain = 6;  // descriptors of a request beside those of control groups

// The order is sandboxd's, see sandbox/zygote_tree.cc.
struct Request {
  GuestLimits limits;
  int agent, finished, go, said, out, err;
  int cgroup[8];
  int cgroups = 0;
  int all[16];
  int count = 0;
};

// 1: a request; 0: sandboxd is gone.
int receive(int socket, Request& into) {
  const ssize_t got = ci::sandbox::receive(socket, &into.limits, sizeof into.limits, into.all, into.count);
  if (got != sizeof into.limits) return 0;
  if (into.count < plain) return 0;
  into.agent = into.all[0];
  into.finished = into.all[1];
  into.go = into.all[2];
  into.said = into.all[3];
  into.out = into.all[4];
  into.err = into.all[5];
  into.cgroups = into.count - plain;
  std::memcpy(into.cgroup, into.all + plain, sizeof(int) * static_cast<size_t>(into.cgroups));
  return 1;
}

// Above the standard ones and the two for the agent.
void close_others(int keep) {
  if (keep > to_agent + 1) ::syscall(SYS_close_range, to_agent + 1, keep - 1, 0u);
  ::syscall(SYS_close_range, std::max(keep, to_agent) + 1, ~0u, 0u);
}

// Everything between the fork and the interpreter's own code. Does not return when something fails: the agent hears why.
void enter(
    const Request& fds, const SeccompFilter& filter, const WorkingSet& working_set, const Hooks& hooks, int keep) {
  ::prctl(PR_SET_PDEATHSIG, 0);
  // What is copied now is memory of the sandbox.
  const bool contained = fds.limits.contained;  // it is where its sandbox is
  const char* wrong = contained ? nullptr : ci::sandbox::join_cgroups(fds.cgroup, fds.cgroups);
  working_set.touch();
  if (hooks.in_child != nullptr) hooks.in_child();
  char byte;
  // The mounts must stand before we enter them. End of file: the sandbox died; so do we.
  if (wrong == nullptr && ::read(fds.finished, &byte, 1) != 1) ::_exit(1);
  if (wrong == nullptr && !contained &&
      ::setns(fds.agent, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0) {
    wrong = "entering the sandbox";
  }
  ci::sandbox::take_input();
  ::dup2(fds.out, STDOUT_FILENO);
  ::dup2(fds.err, STDERR_FILENO);
  // Neither may be where the other is to go.
  const int go = ::fcntl(fds.go, F_DUPFD, to_agent + 1), said = ::fcntl(fds.said, F_DUPFD, to_agent + 1);
  ::dup2(go, from_agent);
  ::dup2(said, to_agent);
  close_others(keep);
  for (const int fd : {from_agent, to_agent}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (wrong == nullptr && ::chdir(ci::sandbox::workspace) != 0) wrong = "entering the workspace";
  if (wrong == nullptr) wrong = ci::sandbox::become_guest(fds.limits, filter.program());
  if (wrong != nullptr) {
    char text[256];
    const int size =
        std::snprintf(text, sizeof text, "%c%s: %s", ci::sandbox::words::failed, wrong, std::strerror(errno));
    [[maybe_unused]] const ssize_t ignored = ::write(to_agent, text, static_cast<size_t>(size));
    ::_exit(126);
  }
}

// Forking copies page tables and unmapping tears them down: both are cheaper by far for huge pages. Only whole ones
// inside our heaps; a child that writes gets small pages again where it does. MADV_COLLAPSE: Linux 6.1, else no-op.
void collapse_heaps() {
  constexpr unsigned long huge = 2 << 20;
  constexpr int madv_collapse = 25;
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  if (maps == nullptr) return;
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin, end, offset, inode;
    char access[8], device[16];
    if (std::sscanf(line, "%lx-%lx %7s %lx %15s %lu", &begin, &end, access, &offset, device, &inode) != 6) continue;
    if (inode != 0 || std::strcmp(access, "rw-p") != 0) continue;
    begin = (begin + huge - 1) & ~(huge - 1);
    end &= ~(huge - 1);
    if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, madv_collapse);
  }
  std::fclose(maps);
}

const SeccompFilter* make_filter(ci::sandbox::Sessions sessions) {
  try {
    return new SeccompFilter(ci::sandbox::this_processor, sessions);  // lives as long as this process and its children
  } catch (const std::exception& error) {
    std::fprintf(stderr, "zygote: %s\n", error.what());
    ::_exit(1);
  }
}

}  // namespace

void serve(int socket, const WorkingSet& working_set, const Hooks& hooks, int keep) {
  const SeccompFilter* filter = make_filter(ci::sandbox::Sessions::any);
  const SeccompFilter* contained_filter = nullptr;
  collapse_heaps();
  Request request;
  while (receive(socket, request) == 1) {
    if (request.limits.contained && contained_filter == nullptr) {
      contained_filter = make_filter(ci::sandbox::Sessions::one);
      filter = contained_filter;
    }
    // Only children are moved by this; see setns(2).
    if (request.limits.contained || ::setns(request.agent, CLONE_NEWPID) == 0) {
      if (hooks.before != nullptr) hooks.before();
      // The guest must be a child of the sandbox's process 1, or that could not wait for it. A process whose parent
      // dies goes to process 1 of its own namespace: so a short-lived one, already inside, does the forking. It
      // borrows our memory (vfork), which costs next to nothing; only the second fork copies.
      const pid_t between = ::vfork();
      if (between == 0) {
        const pid_t child = ::fork();
        if (child == 0) return enter(request, *filter, working_set, hooks, keep);
        ::_exit(child < 0 ? 1 : 0);
      }
      if (hooks.in_parent != nullptr) hooks.in_parent();
      if (between > 0) {
        int status;
        while (::waitpid(between, &status, 0) < 0 && errno == EINTR) {
        }
      }
    }
    for (int i = 0; i < request.count; ++i) ::close(request.all[i]);
  }
  ::_exit(0);
}

}  // namespace zygote
