#pragma once
// The zygotes of a language: one process, or, for Python, one per level, each forked from the one before it after importing more.
// They hold our code, an interpreter and well-known libraries only, never a user's program. Used by sandboxd, single-threaded.

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/guest/guest.h"

namespace ci::sandbox {

// What a child gets.
struct GuestEnds {
  int agent;     // pidfd of process 1 of its sandbox
  int finished;  // a byte comes once the mounts stand
  int go, said;  // see guest/words.h
  int out, err;
};

class ZygoteTree {
 public:
  // Starts `command`, which finds the sockets of so many zygotes on descriptors 3, 4, …, in the mount namespace `root`, if there is one, else
  // in ours.
  ZygoteTree(
      const std::vector<std::string>& command, size_t zygotes, const std::vector<std::string>& environment,
      const GuestLimits& limits, int root = -1);

  // Asks one of them for a child in a sandbox. Does not wait until it is there, or until the
  // zygote is ready to make one. False when the zygotes are gone.
  bool fork_into(size_t zygote, const GuestEnds& ends, const std::vector<int>& cgroup);

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::vector<UniqueFd> sockets_;
  GuestLimits limits_;
};

}  // namespace ci::sandbox
