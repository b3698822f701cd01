#pragma once
// How much memory the processes of a group have where no control group of ours counts it: in a container that is itself the boundary
// (isolation.h). Used by the agent; nothing here waits.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/unique_fd.h"

namespace ci::sandbox {

struct GroupUsage {
  std::uint64_t memory = 0;   // bytes
  std::uint64_t threads = 0;  // of all processes
};

class ContainerMemory {
 public:
  // From now on what is more than now counts as theirs. `groups`: where the container may see its own control group.
  void begin(const std::filesystem::path& groups = "/sys/fs/cgroup");

  // With the container's own control group what that has more, but for what the kernel can take back, such as files that were read. Else
  // the sum of what the kernel says of each process, pages that several share counted for each, of memory files (memfd_create(2)) that
  // they have open, and of what has come to the memory file systems they may write to: what waits in pipes and sockets, and memory
  // files that are only mapped, are not in it.
  GroupUsage of(pid_t group) const;

  // Whether the kernel has ended a process of the container for want of memory since then. Of two looks, the container's own limit
  // may be reached between them. False where the container may not see its control group.
  bool one_was_ended() const { return kills() > kills_before_; }

 private:
  struct Folder {
    const char* path;
    std::uint64_t before = 0;
  };
  std::uint64_t counted_by_kernel() const;
  std::uint64_t kills() const;

  UniqueFd usage_, statistics_, events_;  // of the container's control group
  std::uint64_t before_ = 0, kills_before_ = 0;
  std::vector<Folder> folders_;
  dev_t memory_device_ = 0;  // that memory files are on
};

// Whether the group has processes, none of which can do anything any more: the kernel takes them down, or they wait to be waited for.
bool is_leaving(pid_t group);
// With which status (wait(2)) a process ends that is leaving. Of another one it means nothing.
std::optional<int> status_of_leaving(pid_t process);

}  // namespace ci::sandbox
