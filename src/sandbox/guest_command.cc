#include "sandbox/guest_command.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "os/signals.h"
#include "sandbox/guest/listen.h"
#include "sandbox/guest/words.h"

namespace ci::sandbox {

namespace {

// `speak`: where the guest's words go by now.
const char* become(const AgentPlan& plan, const AgentDescriptors& fds, const SeccompFilter& filter, int& speak) {
  if (plan.limits.contained)
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  else if (const char* wrong = join_cgroups(fds.cgroup.data(), static_cast<int>(fds.cgroup.size())))
    return wrong;
  take_input();
  ::dup2(fds.out.get(), STDOUT_FILENO);
  ::dup2(fds.err.get(), STDERR_FILENO);
  // Neither may be where the other is to go.
  const int go = ::fcntl(fds.guest_go.get(), F_DUPFD_CLOEXEC, to_agent + 1);
  const int said = ::fcntl(fds.guest_said.get(), F_DUPFD_CLOEXEC, to_agent + 1);
  ::dup2(go, from_agent);
  speak = ::dup2(said, to_agent);
  ::syscall(SYS_close_range, static_cast<unsigned>(to_agent) + 1, ~0u, 0u);
  os::reset_signals();
  return become_guest(plan.limits, filter.program());
}

// The next word; none when the agent has nothing more to say. What it passes is kept.
bool hear(char& word, Passed& passed) {
  for (;;) {
    const int before = passed.count;
    if (listen_to_agent(&word, 1, passed) != 1) return false;
    if (passed.count == before) return true;
  }
}

void append_arguments(std::vector<std::string>& command) {
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(from_agent, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(got));
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\0', begin);
    command.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

// Until the word to go; compiles when that is asked first.
void wait_for_program(const AgentPlan& plan, std::vector<std::string>& command) {
  for (const int fd : {from_agent, to_agent})
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);  // neither compilers nor the program speak on them
  const pid_t self = ::getpid();
  char hello[1 + sizeof self] = {words::ready};
  std::memcpy(hello + 1, &self, sizeof self);
  if (::write(to_agent, hello, sizeof hello) < 0) ::_exit(126);
  char word;
  Passed passed;
  if (!hear(word, passed)) ::_exit(126);
  if (word == words::build) {
    // A compiler may be made to run code of the user. It shall not find our pipe below /proc.
    ::prctl(PR_SET_DUMPABLE, 0);
    const Compiled compiled = compile_program(plan.compile, plan.source_name, plan.environment);
    const char done = compiled == Compiled::silently ? words::compiled_silently : words::compiled;
    if (::write(to_agent, &done, 1) != 1 || !hear(word, passed)) ::_exit(126);
  }
  append_arguments(command);
  place_calls(passed);
}

}  // namespace

void run_guest(const AgentPlan& plan, const AgentDescriptors& descriptors, const SeccompFilter& filter) {
  int speak = descriptors.guest_said.get();
  if (const char* wrong = become(plan, descriptors, filter, speak)) {
    const std::string text = words::failed + std::string(wrong) + ": " + std::strerror(errno);
    [[maybe_unused]] const ssize_t ignored = ::write(speak, text.data(), text.size());
    ::_exit(126);
  }
  std::vector<std::string> command = plan.command;
  if (plan.birth == Birth::launched) wait_for_program(plan, command);
  std::vector<char*> argv, environment;
  for (std::string& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables = plan.environment;
  for (std::string& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  ::execve(argv[0], argv.data(), environment.data());
  const std::string text = std::string("cannot start ") + argv[0] + ": " + std::strerror(errno) + "\n";
  [[maybe_unused]] const ssize_t ignored = ::write(STDERR_FILENO, text.data(), text.size());
  ::_exit(127);
}

}  // namespace ci::sandbox
