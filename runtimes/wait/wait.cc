// For interpreters that cannot wait by themselves: a library that they load. It speaks with the agent on descriptor 3
// (sandbox/agent.h), and puts the user's program into the script that the interpreter already holds open, see hold.sh.

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "wait/protocol.h"

namespace {

using runtimes::give_up;

// The agent has put the program in place of the file that we hold: ours has lost its name.
int held_descriptor(const char* script) {
  char deleted[4096];
  std::snprintf(deleted, sizeof deleted, "%s (deleted)", script);
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) give_up("looking for the script");
  int found = -1;
  while (const dirent* entry = ::readdir(directory)) {
    char target[4096];
    const ssize_t length = ::readlinkat(::dirfd(directory), entry->d_name, target, sizeof target - 1);
    if (length <= 0) continue;
    target[length] = '\0';
    if (std::strcmp(target, deleted) == 0) found = std::atoi(entry->d_name);
  }
  ::closedir(directory);
  return found;
}

void fill_held(const char* script) {
  const int held = held_descriptor(script);
  if (held < 0) give_up("looking for the script");
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", held);
  const int to = ::open(path, O_WRONLY | O_CLOEXEC);  // the interpreter's own is for reading
  const int from = ::open(script, O_RDONLY | O_CLOEXEC);
  if (to < 0 || from < 0) give_up("opening the script");
  for (ssize_t count; (count = ::sendfile(to, from, nullptr, 1 << 30)) != 0;) {
    if (count < 0 && errno != EINTR) give_up("reading the script");
  }
  ::close(from);
  ::close(to);
}

}  // namespace

extern "C" {

// R's own, there when this library is loaded by R: sets what commandArgs() returns.
__attribute__((weak)) void R_set_command_line_arguments(int count, char** values);

// Takes the place of R's own where this library is preloaded. R's starts a shell and rm when it ends, which takes longer than
// most programs; what is in /tmp goes with the sandbox.
__attribute__((visibility("default"))) void R_CleanTempDir() {}

// Returns when there is a program, whose text the script then has, and leaves no descriptor open. The arguments, each ended by NUL,
// stay where they are for the life of the process.
__attribute__((visibility("default"))) void kubecoderun_wait(const char* script, char** arguments, long* length) {
  const runtimes::Words words = runtimes::wait_for_go();
  ::close(runtimes::go);
  fill_held(script);
  *arguments = words.text;
  *length = static_cast<long>(words.size);
}

// The same for R, whose .C() passes pointers to all. `command` has `count` words: those of the command line.
__attribute__((visibility("default"))) void kubecoderun_wait_r(char** script, char** command, int* count) {
  char* arguments;
  long length;
  kubecoderun_wait(*script, &arguments, &length);
  if (length == 0) return;
  const auto room = static_cast<size_t>(*count) + 2 + static_cast<size_t>(length);
  auto** all = static_cast<char**>(std::calloc(room, sizeof(char*)));
  if (all == nullptr) give_up("taking the arguments");
  int total = 0;
  while (total < *count) {
    all[total] = command[total];
    ++total;
  }
  char separator[] = "--args";
  all[total++] = separator;
  for (long begin = 0; begin < length; begin += static_cast<long>(std::strlen(arguments + begin)) + 1) {
    all[total++] = arguments + begin;
  }
  R_set_command_line_arguments(total, all);  // copies
  std::free(all);
}

}
