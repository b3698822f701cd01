#include "os/signals.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace ci::os {

void reset_signals() {
  for (int number = 1; number < NSIG; ++number)
    ::signal(number, SIG_DFL);  // SIGKILL and SIGSTOP refuse, as they should
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

bool catches(int status, int signal) {
  char text[4096];
  const ssize_t size = ::pread(status, text, sizeof text - 1, 0);
  if (size <= 0) return false;
  text[size] = '\0';
  constexpr const char* field = "SigCgt:";
  const char* caught = std::strstr(text, field);
  if (caught == nullptr) return false;
  const unsigned long long mask = std::strtoull(caught + std::strlen(field), nullptr, 16);
  return (mask >> (signal - 1) & 1) != 0;
}

}  // namespace ci::os
