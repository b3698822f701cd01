#pragma once
// The Python zygotes: one process per level, each forked from the one before it after importing more. They hold our
// code and well-known libraries only, never a user's program. Used by sandboxd, single-threaded.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/guest/guest.h"

namespace ci::sandbox {

class ZygoteTree {
 public:
  // Starts /usr/bin/python3 with runtimes/python/zygote.py and one socket per level.
  ZygoteTree(const std::vector<std::string>& levels, const std::vector<std::string>& environment, const GuestLimits& limits);

  // Asks the zygote of `level` for a child in the sandbox whose process 1 is behind `agent`. Waits in the socket until
  // the zygote has imported its modules. False when the zygotes are gone.
  bool fork_into(
      size_t level, int agent, int finished, int go, int out, int err, const std::vector<int>& cgroup);

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::vector<UniqueFd> sockets_;
};

}  // namespace ci::sandbox
