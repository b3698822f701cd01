#pragma once
// The sandboxd of a command that runs programs without a server: started, found by the pool, and gone with the command.

#include <optional>

#include "base/async.h"
#include "base/unique_fd.h"
#include "os/child_process.h"

namespace ci::app {

class OwnSandboxd {
 public:
  // Starts it. Its standard input is that of the programs: `input`, or nothing when that is negative.
  explicit OwnSandboxd(int input = -1);

  // For the pool, which asks again when the connection ends: there is no other. Suspends for ever then.
  awaitable<UniqueFd> next();

  // It tidies up; the destructor ends it otherwise.
  void wait();

 private:
  UniqueFd socket_;
  std::optional<os::ChildProcess> process_;
};

}  // namespace ci::app
