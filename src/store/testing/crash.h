#pragma once
// A process that works until it is killed, and what it had acknowledged by then.

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>

#include "base/sys.h"
#include "base/unique_fd.h"

namespace ci::store::testing {

// Forks a child that calls `work(acknowledge)`, kills it after `count` acknowledgements and returns all numbers up
// to which it acknowledged. Call it while the test has no other threads.
inline std::int64_t kill_after(
    std::int64_t count, const std::function<void(const std::function<void(std::int64_t)>&)>& work) {
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = sys("forking", [] { return ::fork(); });
  if (child == 0) {
    try {
      work([&](std::int64_t number) {
        if (::write(writing.get(), &number, sizeof number) != sizeof number) ::_exit(1);
      });
    } catch (...) {
    }
    ::_exit(1);
  }
  writing.reset();
  std::int64_t last = -1;
  for (std::int64_t number = 0; ::read(reading.get(), &number, sizeof number) == sizeof number;) {
    last = number;
    if (number + 1 == count) ::kill(child, SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  return last;
}

}  // namespace ci::store::testing
