#pragma once
// Control groups, version 1 (one tree per controller) and version 2 (one tree), behind one face.
// Sources: Linux Documentation/admin-guide/cgroup-v1/{memory,cgroups,pids}.rst and cgroup-v2.rst.
//
// Used by sandboxd, single-threaded. A CgroupTree is made with the privileges of the start; afterwards everything
// goes through directory descriptors, so it works from another user, mount and cgroup namespace.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"

namespace ci::os {

struct CgroupLimits {
  std::uint64_t memory_bytes = 0;  // swap is 0 beside it
  std::uint64_t processes = 0;
  std::uint64_t cpu_weight = 100;  // 100 is an equal share
};

// What holds the processes of a group still, and all that they fork: a value over a descriptor of the group's, for whoever was
// given that. Neither call waits until all of them stand still.
struct Freezer {
  int file = -1;  // freezer.state (v1), cgroup.freeze (v2); -1: there is none
  int version = 0;

  explicit operator bool() const { return file >= 0; }
  bool freeze() const;
  // Version 1 also holds those that were killed: who kills thaws afterwards, or they never end.
  bool thaw() const;
};

// The group of a sandbox's guest processes, and then of the next one's: a group that is removed stays in the kernel for as
// long as anything is charged to it, and what a guest was the first to read of a file is. Its destructor removes it; whoever is
// inside must be dead.
class Cgroup {
 public:
  Cgroup() = default;
  Cgroup(Cgroup&& other) noexcept = default;
  Cgroup& operator=(Cgroup&& other) noexcept = delete;
  ~Cgroup();

  // Makes its figures begin anew, and the limit of memory what is asked. False when that is not possible, or somebody is still inside.
  bool renew(std::uint64_t memory_bytes);

  // Writing "0" to each moves the writer in. One for v2, one per controller for v1.
  std::vector<int> join_descriptors() const;
  // Readable text with a line "oom_kill N": memory.oom_control (v1), memory.events (v2). -1 without memory control.
  int oom_events() const { return oom_events_.get(); }
  // N when its figures began.
  std::uint64_t oom_kills_before() const { return oom_kills_before_; }
  // The most memory used since its figures began, as text: memory.max_usage_in_bytes (v1), memory.peak (v2, Linux 6.12, before
  // that of a new group only). Else what is used now: memory.current. -1: unknown.
  int peak_memory() const { return peak_memory_.get(); }
  // What was charged to it when they began: files that earlier guests read.
  std::uint64_t memory_before() const { return memory_before_; }
  // Of that, memory files that earlier guests left to others, and which these still hold. The limit is so much higher.
  std::uint64_t memory_of_others() const { return memory_of_others_; }
  // Writing fewer bytes to each, in order, lowers the limit of memory. A group that uses more and cannot do with less
  // refuses (v1) or is killed (v2).
  std::vector<int> memory_limits() const;
  Freezer freezer() const { return {freezer_.get(), freezer_version_}; }

 private:
  friend class CgroupTree;
  struct Place {
    int parent;  // descriptor owned by the tree
    std::string name;
  };
  std::vector<Place> places_;
  std::vector<UniqueFd> join_;
  UniqueFd oom_events_;
  UniqueFd peak_memory_;
  UniqueFd memory_;
  UniqueFd memory_statistics_;
  std::uint64_t oom_kills_before_ = 0, memory_before_ = 0, memory_of_others_ = 0;
  std::vector<UniqueFd> memory_limits_;
  UniqueFd freezer_;
  int freezer_version_ = 0;
};

// The number after "<key> " on a line of its own in the file behind `fd`, read from its start.
std::optional<std::uint64_t> read_counter(int fd, std::string_view key);
// The only number in the file.
std::optional<std::uint64_t> read_number(int fd);

// Sets the limits of a new group behind `directory`. `controller`: of version 1; empty: version 2, where one directory
// has them all.
void set_limits(int directory, std::string_view controller, const CgroupLimits& limits);

// The version 2 group that ours belong into when a process is in `own`. An earlier sandboxd may have moved its starter
// into a leaf: that must not become a level of its own.
std::string group_of_ours(std::string_view own);

class CgroupTree {
 public:
  // Finds the writable hierarchy below `mount` (normally /sys/fs/cgroup) and makes our directory in it, owned by `owner`.
  // Fails as `unavailable` with a sentence that says what is missing and how to get it. `process` is the pid that the
  // directory is named after. The tree is locked for as long as this object lives in any process that was forked
  // meanwhile and has not called leave_ownership(); unlocked ones are leftovers, which `remove` removes.
  enum class Leftovers { keep, remove };
  static CgroupTree make(
      const std::filesystem::path& mount, uid_t owner, gid_t group, pid_t process, Leftovers leftovers);

  // For a child that uses the tree while its parent goes on to own it.
  void leave_ownership();

  int version() const { return version_; }

  // Of all groups below ours together. What this host cannot limit stays without.
  void limit(const CgroupLimits& limits) const;

  // Takes a process in that is to move others into groups below ours: with version 2 only who may write to a common ancestor may
  // do that. Needs the privileges of the start. What the process forks is in as well until it is moved.
  void take_in(pid_t process) const;

  // A new group below ours.
  Cgroup create(const std::string& name, const CgroupLimits& limits) const;

  // Lets go of whoever stands still in a group of ours, so that it can end.
  void thaw() const;

  // Removes our directory and all below; called when nothing of ours runs any more.
  void remove() const;

 private:
  struct Hierarchy {
    std::string controller;  // "memory"; empty for v2
    std::filesystem::path directory;
    UniqueFd descriptor;
    UniqueFd lock;
  };
  int version_ = 2;
  std::vector<Hierarchy> hierarchies_;
};

}  // namespace ci::os
