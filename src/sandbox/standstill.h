#pragma once
// Holding a sandbox's processes still and letting them go on, and its program's time with them. Used by the agent, whose kill(2)
// with -1 reaches every process of the sandbox but itself, in one step that no fork can outrun: a fork with a signal pending fails.

#include "os/cgroup.h"
#include "sandbox/run_clock.h"

namespace ci::sandbox {

class Standstill {
 public:
  // Without a freezer signals do it: nobody inside is left to say otherwise.
  explicit Standstill(os::Freezer freezer) : freezer_(freezer) {}
  // Where no namespace holds them together, all of a sandbox are one process group, which they cannot leave (Sessions::one).
  void set_group(pid_t group) { all_ = -group; }

  bool holds() const { return holds_; }
  RunClock& clock() { return clock_; }

  void begin(RunClock::Clock::time_point now);
  void end(RunClock::Clock::time_point now);
  // Everything, also what stands still.
  void kill_all();

 private:
  os::Freezer freezer_;
  pid_t all_ = -1;  // for kill(2)
  RunClock clock_;
  bool holds_ = false;
};

}  // namespace ci::sandbox
