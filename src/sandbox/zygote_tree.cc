#include "sandbox/zygote_tree.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "base/log.h"
#include "base/sys.h"
#include "os/message_socket.h"
#include "os/signals.h"

namespace ci::sandbox {

ZygoteTree::ZygoteTree(
    const std::vector<std::string>& levels, const std::vector<std::string>& environment, const GuestLimits& limits) {
  std::vector<UniqueFd> theirs;
  for (size_t i = 0; i < levels.size(); ++i) {
    auto [ours, other] = os::message_socket_pair();
    sockets_.push_back(std::move(ours));
    theirs.push_back(std::move(other));
  }
  // zygote.py LIMITS (FD=LEVEL)...; the descriptors keep their numbers.
  std::vector<std::string> words = {
      "/usr/bin/python3", "-I", "-X", "utf8", "/runtimes/python/zygote.py",
      std::to_string(limits.open_files) + "," + std::to_string(limits.address_space_bytes) + "," +
          std::to_string(limits.processes)};
  for (size_t i = 0; i < levels.size(); ++i) words.push_back(std::to_string(theirs[i].get()) + "=" + levels[i]);
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables = environment;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);

  pid_ = static_cast<pid_t>(sys("starting the Python zygote", [&] { return ::fork(); }));
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(::open("/dev/null", O_RDWR | O_CLOEXEC), STDIN_FILENO);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);  // what it has to say is for the log
    for (const UniqueFd& fd : theirs) ::fcntl(fd.get(), F_SETFD, 0);
    os::reset_signals();
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
}

bool ZygoteTree::fork_into(
    size_t level, int agent, int finished, int go, int out, int err, const std::vector<int>& cgroup) {
  std::vector<int> descriptors = {agent, finished, go, out, err};
  descriptors.insert(descriptors.end(), cgroup.begin(), cgroup.end());
  try {
    return os::send_message(sockets_.at(level).get(), "fork", descriptors);
  } catch (const Failure& failure) {
    log_warning("the Python zygote is gone", {{"reason", failure.what()}});
    return false;
  }
}

}  // namespace ci::sandbox
