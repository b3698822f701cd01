#pragma once
// The guest's side of what is said (sandbox/guest/words.h), for runtimes that are written in C++. Without dependencies, because it
// is loaded into interpreters.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "sandbox/guest/listen.h"
#include "sandbox/guest/words.h"

namespace runtimes {

using ci::sandbox::from_agent;
using ci::sandbox::to_agent;
namespace words = ci::sandbox::words;

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
  char hello[1 + sizeof self] = {words::ready};
  std::memcpy(hello + 1, &self, sizeof self);
  if (::write(to_agent, hello, sizeof hello) != sizeof hello) give_up("saying ready");
  char* said = nullptr;  // names of descriptors, the word, then the arguments
  ci::sandbox::Passed passed;
  size_t size = 0;
  for (size_t room = 0;;) {
    if (room - size < 4096) {
      room = room * 2 + 8192;
      said = static_cast<char*>(std::realloc(said, room));
      if (said == nullptr) give_up("taking the arguments");
    }
    const ssize_t got = ci::sandbox::listen_to_agent(said + size, room - size, passed);
    if (got == 0) break;
    if (got < 0) give_up("waiting");
    size += static_cast<size_t>(got);
  }
  const size_t before_arguments = static_cast<size_t>(passed.count) + 1;
  if (size < before_arguments) ::_exit(0);
  place_calls(passed);
  return {said + before_arguments, size - before_arguments};
}

// From now on it is the program's own time that runs.
inline void say_compiled() {
  if (::write(to_agent, &words::compiled, 1) != 1) give_up("saying compiled");
}

// Nothing more is to be heard or said.
inline void part() {
  ::close(from_agent);
  ::close(to_agent);
}

}  // namespace runtimes
