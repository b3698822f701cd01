#pragma once
// Records of locks on files (fcntl(2), flock(2)) are memory of the kernel's that it charges to nobody and does not limit. They can be
// counted only by reading a list of all of them, which keeps everybody from locking and takes the longer the more there are. So that is
// done when the kernel's memory has grown, and the reading ends early. Used by the agent; nothing here waits.

#include <cstdint>
#include <optional>

#include "base/unique_fd.h"

namespace ci::sandbox {

class LockWatch {
 public:
  // In the sandbox, with its /proc, where the list has the locks of its own processes only.
  void open();

  // True when this sandbox holds very many, and the kernel's memory has grown by more than `most_growth` since this was last false.
  bool too_many();

 private:
  UniqueFd memory_;
  std::optional<std::uint64_t> least_;  // of the kernel's memory since somebody looked at the locks
};

// Bytes of memory that the kernel has for itself and cannot take back, from a text like /proc/meminfo.
std::optional<std::uint64_t> kernel_memory(int file);

// Lines of a text like /proc/locks that are locks of processes; no more than `most` are counted.
int locks_of_processes(int file, int most);

}  // namespace ci::sandbox
