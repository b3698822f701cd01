#pragma once
// A program of ours or of the host, started with posix_spawn: the caller's threads do not matter. Signals and waits go
// through a pidfd, so they cannot hit a recycled pid. Single owner; the destructor kills and reaps.

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace ci::os {

struct SpawnRequest {
  std::string program;                 // absolute path
  std::vector<std::string> arguments;  // argv, the name first
  // Descriptors of the child: (ours, its number). 0 is /dev/null unless given; 1 and 2 are ours unless given.
  std::vector<std::pair<int, int>> descriptors;
  // In a process group of its own: a ^C on the terminal reaches only us, and we pass it on.
  bool own_group = false;
  std::string directory;                                // where it runs; empty: where we do
  std::optional<std::vector<std::string>> environment;  // NAME=value; nothing: ours
};

class ChildProcess {
 public:
  // Fails when the program cannot be started at all.
  static ChildProcess spawn(const SpawnRequest& request);

  ChildProcess(ChildProcess&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  // Readable once the process has ended.
  int pidfd() const { return pidfd_.get(); }

  void signal(int number) const;

  // The exit status as a shell counts it (128 + signal), once the process has ended; it is then reaped.
  std::optional<int> try_wait();
  // Nothing when it is still running after `time`.
  std::optional<int> wait_for(std::chrono::milliseconds time);
  int wait();

 private:
  ChildProcess(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_ = -1;  // -1: reaped
  UniqueFd pidfd_;
};

// The path of the running program, also when it has been replaced on disk since.
std::string own_program();

}  // namespace ci::os
