#pragma once
// The pages that a guest is about to use, learned from one that ran before it, and made its own in one go right after the
// fork. Otherwise each costs a page fault when it is first written to (copy on write), or first read where it is part of a
// program's file; on virtual machines these are most of what a short run costs.
//
// The idea is REAP's, record and prefetch (Ustiugov et al., ASPLOS 2021), with a fork in place of a snapshot.
// Nothing here throws; what fails is left to page faults.

#include <vector>

// In a process that was forked and has then done what guests do: what it no longer shares with its parent, or has read of
// files, written to `fd` for learn().
void report_working_set(int fd);

class WorkingSet {
 public:
  // What a child of ours reports on `fd`, until its end; at most for a few seconds.
  void learn(int fd);
  // In a child, whose memory is laid out as its parent's.
  void touch() const;

 private:
  struct Range {
    unsigned long begin, end;
    int advice;
  };
  friend void report_working_set(int fd);
  std::vector<Range> ranges_;
};
