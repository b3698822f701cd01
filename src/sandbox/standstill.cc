#include "sandbox/standstill.h"

#include <csignal>

namespace ci::sandbox {

void Standstill::begin(RunClock::Clock::time_point now) {
  if (holds_) return;
  holds_ = true;
  clock_.stop(now);
  if (!freezer_ || !freezer_.freeze()) ::kill(all_, SIGSTOP);
}

void Standstill::end(RunClock::Clock::time_point now) {
  if (!holds_) return;
  holds_ = false;
  clock_.go_on(now);
  if (!freezer_ || !freezer_.thaw()) ::kill(all_, SIGCONT);
}

void Standstill::kill_all() {
  ::kill(all_, SIGKILL);
  // Version 1 of control groups does not let those end that stand still.
  if (holds_ && freezer_) freezer_.thaw();
  holds_ = false;
}

}  // namespace ci::sandbox
