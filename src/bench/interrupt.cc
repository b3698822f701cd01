#include "bench/interrupt.h"

#include <atomic>
#include <csignal>

namespace ci::bench {

namespace {

// Lock-free, so that a signal handler may touch it.
std::atomic<bool> asked = false;
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

void watch_interrupts() {
  struct sigaction action{};
  action.sa_handler = [](int) { asked = true; };
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);  // the next one has its default effect
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return asked; }

}  // namespace ci::bench
