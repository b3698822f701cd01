#pragma once
// Waiting for children together with other things.

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

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

 private:
  UniqueFd signals_;
};

}  // namespace ci::sandbox
