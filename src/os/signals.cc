#include "os/signals.h"

#include <csignal>

namespace ci::os {

void reset_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);  // SIGKILL and SIGSTOP refuse, as they should
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace ci::os
