#include "sandbox/workshop.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "base/sys.h"
#include "base/unique_fd.h"
#include "sandbox/id_maps.h"
#include "sandbox/namespaces.h"
#include "sandbox/settings.h"
#include "sandbox/template_root.h"

namespace ci::sandbox {

namespace fs = std::filesystem;

namespace {

constexpr int status_not_started = 127;

[[noreturn]] void become_tool(const Workshop& workshop, UniqueFd mapped) noexcept {
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char byte = 0;
    if (::read(mapped.get(), &byte, 1) != 1) ::_exit(status_not_started);
    OurTrees trees;
    trees.runtimes = take_tree(workshop.runtimes);
    trees.root = take_tree(workshop.root);
    trees.output = take_writable(workshop.output);
    trees.output_name = workshop.output_name;
    enter_template_root(SandboxdSettings(), trees);
    sys("entering the workshop", [&] { return ::chdir(workshop_output(workshop.output_name).c_str()); });
    std::vector<char*> arguments;
    for (const std::string& word : workshop.words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    sys("keeping descriptors", [] { return ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); });
    ::execv(arguments.front(), arguments.data());
    throw Failure::from_errno(errno, "starting " + workshop.words.front());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  ::_exit(status_not_started);
}

}  // namespace

fs::path workshop_output(const std::string& name) { return fs::path("/prepared") / name; }

int work_inside(const Workshop& workshop) {
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  UniqueFd mapped(ends[0]), map_done(ends[1]), process;
  const pid_t pid = fork_into_namespaces(Groups::all, process);
  if (pid == 0) {
    map_done.reset();
    become_tool(workshop, std::move(mapped));
  }
  mapped.reset();
  map_caller(pid);
  sys("letting the tool go on", [&] { return ::write(map_done.get(), "m", 1); });
  int status = 0;
  sys("waiting for the tool", [&] { return ::waitpid(pid, &status, 0); });
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace ci::sandbox
