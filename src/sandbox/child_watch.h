#pragma once
// Waiting for children together with other things.

#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "base/sys.h"
#include "base/unique_fd.h"

namespace ci::sandbox {

// Blocks SIGCHLD in this process for good. From then on `descriptor` is readable when a child has ended; all that wait are one
// signal, so drain() comes before the look for them, and none is missed.
class ChildWatch {
 public:
  void begin() {
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    signals_ =
        UniqueFd(sys("watching for children", [&] { return ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK); }));
  }
  int descriptor() const { return signals_.get(); }
  void drain() const {
    signalfd_siginfo drained[8];
    while (::read(signals_.get(), drained, sizeof drained) > 0) {
    }
  }

  // Waits for those that have ended, some at a time: a program can have children that end as quickly as we look. The status
  // of `wanted` once it is among them.
  std::optional<int> reap_until(pid_t wanted) {
    constexpr int at_once = 256;
    more_ = false;
    for (int i = 0; i < at_once; ++i) {
      int status;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid <= 0) return std::nullopt;
      if (pid == wanted) return status;
    }
    more_ = true;
    return std::nullopt;
  }
  // Whether it left some for the next time.
  bool has_more() const { return more_; }

 private:
  UniqueFd signals_;
  bool more_ = false;
};

}  // namespace ci::sandbox
