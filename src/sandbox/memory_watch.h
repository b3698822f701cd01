#pragma once
// How much memory a guest uses, and whether it is at its end. Used by the agent; nothing here waits.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/unique_fd.h"
#include "sandbox/container_memory.h"
#include "sandbox/lock_watch.h"

namespace ci::sandbox {

// Descriptors of the guest's control group, which stay somebody else's, and what they said before the guest came
// (os::Cgroup). -1: there is none.
struct MemoryFiles {
  int oom_events = -1, peak = -1;
  std::uint64_t oom_kills_before = 0, memory_before = 0, memory_of_others = 0;
};

class MemoryWatch {
 public:
  using Clock = std::chrono::steady_clock;

  explicit MemoryWatch(const MemoryFiles& files) : files_(files) {}

  // In the sandbox's network namespace, with its /proc.
  void open();
  // Where no control group of ours does it: what the processes of this process group have (container_memory.h), and how many there are,
  // against the most that may be. From then on; more of either counts as exhausted. Not by RLIMIT_NPROC, which counts what a user
  // has in all containers of a host.
  void watch_group(pid_t group, std::uint64_t most, std::uint64_t processes);
  // A program begins.
  void begin(Clock::time_point now);

  // True from when the kernel ended a process for want of memory, or it holds more than a program may of what no group is charged
  // for: what waits in netlink sockets and, without a group, in TCP and UDP sockets; locks on files.
  bool exhausted();

  // Takes back what only a compiler may have (`limits`: os::Cgroup::memory_limits). It may have left something running that needs it,
  // which would be the program's: then false, and the memory is exhausted.
  bool lower(const std::vector<int>& limits, std::uint64_t bytes);

  // Bytes, the most so far; 0: unknown. Where the kernel keeps no peak it is the most at times when somebody asked.
  std::uint64_t peak();

 private:
  bool look();
  bool holds_too_much_in_sockets() const;  // of its own network namespace

  MemoryFiles files_;
  pid_t group_ = 0;
  std::uint64_t most_ = 0, most_processes_ = 0;
  ContainerMemory container_;
  UniqueFd netlink_;
  std::vector<UniqueFd> connections_;  // /proc/net/tcp and its like, where no control group counts what they hold
  LockWatch locks_;
  Clock::time_point look_due_ = Clock::time_point::max();
  std::uint64_t peak_ = 0;
  bool exhausted_ = false;
};

// The sum of what waits, from a text like /proc/net/netlink; no more than `most` is counted, nor are more than some thousand lines.
std::uint64_t queued_for_netlink(int file, std::uint64_t most);
// The same from one like /proc/net/tcp, however many lines it has: what waits to be sent and to be read.
std::uint64_t queued_in_connections(int file, std::uint64_t most);

}  // namespace ci::sandbox
