#pragma once
// The guest's side of what is said on descriptor 3 (sandbox/agent.h), for runtimes that are written in C++. Without dependencies,
// because it is loaded into interpreters.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace runtimes {

constexpr int go = 3;

// A runtime that cannot go on says why on standard error; its end without a program having run is what the server sees.
[[noreturn]] inline void give_up(const char* doing) {
  ::dprintf(STDERR_FILENO, "runtime: %s: %s\n", doing, std::strerror(errno));
  ::_exit(126);
}

// Somebody waits for this very runtime: getting ready soon is worth more than being quick afterwards. Says so once: the
// program does not see it.
inline bool is_awaited() {
  constexpr const char* name = "KUBECODERUN_AWAITED";
  const bool set = std::getenv(name) != nullptr;
  ::unsetenv(name);
  return set;
}

struct Words {
  char* text;   // the arguments, each ended by NUL; never freed
  size_t size;  // of all
};

// Says that we are ready and waits for a program. Does not return when the server lets go of us instead.
inline Words wait_for_go() {
  const pid_t self = ::getpid();
  char hello[1 + sizeof self] = {'R'};
  std::memcpy(hello + 1, &self, sizeof self);
  if (::write(go, hello, sizeof hello) != sizeof hello) give_up("saying ready");
  char* words = nullptr;  // 'G', then the arguments
  size_t size = 0;
  for (size_t room = 0;;) {
    if (room - size < 4096) {
      room = room * 2 + 8192;
      words = static_cast<char*>(std::realloc(words, room));
      if (words == nullptr) give_up("taking the arguments");
    }
    const ssize_t got = ::read(go, words + size, room - size);
    if (got == 0) break;
    if (got < 0 && errno != EINTR) give_up("waiting");
    if (got > 0) size += static_cast<size_t>(got);
  }
  if (size == 0) ::_exit(0);
  return {words + 1, size - 1};
}

// From now on it is the program's own time that runs.
inline void say_compiled() {
  if (::write(go, "C", 1) != 1) give_up("saying compiled");
}

}  // namespace runtimes
