#pragma once
// The pages that a guest is about to use, learned from one that ran before it, and made its own in one go right after the
// fork. Otherwise each costs a page fault when it is first written to (copy on write), or first read where it is part of a
// program's file; on virtual machines these are most of what a short run costs.
//
// The idea is REAP's, record and prefetch (Ustiugov et al., ASPLOS 2021), with a fork in place of a snapshot.
// Nothing here throws; what fails is left to page faults.

#include <vector>

namespace zygote {

// What the interpreter wants to do around a fork; null: nothing.
struct Hooks {
  void (*before)() = nullptr;
  void (*in_parent)() = nullptr;
  void (*in_child)() = nullptr;
};

// In a process that learn() forked and that has then done what guests do: what it no longer shares with its parent, or has read
// of files.
void report_working_set(int fd);

class WorkingSet {
 public:
  // Forks. In the child: the descriptor to report on, sooner or later, before it ends. In the parent, after that or a few seconds: -1.
  int learn(const Hooks& hooks);
  // In a child, whose memory is laid out as its parent's.
  void touch() const;

 private:
  struct Range {
    unsigned long begin, end;
    int advice;
  };
  void read(int fd);
  friend void report_working_set(int fd);
  std::vector<Range> ranges_;
};

}  // namespace zygote
