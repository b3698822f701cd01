// For interpreters that can fork and know nothing of it: a library that they load. They call it before they read their script,
// which is an empty one until then.

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "wait/protocol.h"
#include "zygote/working_set.h"
#include "zygote/zygote.h"

namespace {

using runtimes::give_up;

constexpr int sandboxd = 3;  // as zygotes are started

// The interpreter opened its script before anything could make it wait. It has not read any of it.
int held_descriptor(const char* script) {
  DIR* directory = ::opendir("/proc/self/fd");
  if (directory == nullptr) give_up("looking for the script");
  int found = -1;
  while (const dirent* entry = ::readdir(directory)) {
    char target[4096];
    const ssize_t length = ::readlinkat(::dirfd(directory), entry->d_name, target, sizeof target - 1);
    if (length <= 0) continue;
    target[length] = '\0';
    if (std::strcmp(target, script) == 0) found = std::atoi(entry->d_name);
  }
  ::closedir(directory);
  if (found < 0) give_up("looking for the script");
  return found;
}

// Puts a script in the place of the one that is held.
void exchange(int held, int script) {
  const int flags = ::fcntl(held, F_GETFD);
  if (script < 0 || ::dup3(script, held, (flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) < 0) give_up("opening the script");
  ::close(script);
}

int report = -1;  // of a rehearsal

void end_of_rehearsal() {
  zygote::report_working_set(report);
  ::_exit(0);
}

// Lets the interpreter run `program` to its very end.
void rehearse(int held, const char* program) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);  // standard input belongs to the guests
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, stream);
  const int script = ::memfd_create("rehearsal", MFD_CLOEXEC);
  if (::write(script, program, std::strlen(program)) < 0 || ::lseek(script, 0, SEEK_SET) != 0) give_up("rehearsing");
  exchange(held, script);
  std::atexit(end_of_rehearsal);
}

}  // namespace

extern "C" {

// R's own, there when this library is loaded by R: sets what commandArgs() returns.
__attribute__((weak)) void R_set_command_line_arguments(int count, char** values);

// Takes the place of R's own where this library is preloaded. R's starts a shell and rm when it ends, which takes longer than
// most programs; what is in /tmp goes with the sandbox.
__attribute__((visibility("default"))) void R_CleanTempDir() {}

// Returns in a guest that has a program: `script` is that program, also for who opened it before. The arguments, each ended by
// NUL, stay where they are for the life of the process. Before that it returns in a process that nobody needs, with `rehearsal`
// for a program, to see what guests use (zygote/working_set.h).
__attribute__((visibility("default"))) void kubecoderun_wait(
    const char* script, const char* rehearsal, char** arguments, long* length) {
  const int held = held_descriptor(script);
  zygote::WorkingSet working_set;
  report = working_set.learn({});
  if (report >= 0) {
    *length = 0;
    return rehearse(held, rehearsal);
  }
  zygote::serve(sandboxd, working_set, {}, held);
  const runtimes::Words words = runtimes::wait_for_go();
  runtimes::part();
  exchange(held, ::open(script, O_RDONLY | O_CLOEXEC));
  *arguments = words.text;
  *length = static_cast<long>(words.size);
}

// The same for R, whose .C() passes pointers to all. `command` has `count` words: those of the command line.
__attribute__((visibility("default"))) void kubecoderun_wait_r(
    char** script, char** rehearsal, char** command, int* count) {
  char* arguments;
  long length;
  kubecoderun_wait(*script, *rehearsal, &arguments, &length);
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
