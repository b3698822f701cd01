#include "sandbox/zygote_tree.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include "base/log.h"
#include "base/sys.h"
#include "os/message_socket.h"
#include "os/signals.h"
#include "sandbox/guest/words.h"

namespace ci::sandbox {

namespace {

constexpr int first_socket = 3;
constexpr int out_of_the_way = 100;  // more than any number that a socket will have

}  // namespace

ZygoteTree::ZygoteTree(
    const std::vector<std::string>& command, size_t zygotes, const std::vector<std::string>& environment,
    const GuestLimits& limits, int root)
    : limits_(limits) {
  std::vector<UniqueFd> theirs;
  for (size_t i = 0; i < zygotes; ++i) {
    auto [ours, other] = os::message_socket_pair();
    sockets_.push_back(std::move(ours));
    theirs.emplace_back(sys("moving a socket", [&] { return ::fcntl(other.get(), F_DUPFD_CLOEXEC, out_of_the_way); }));
  }
  std::vector<std::string> words = command;
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables = environment;
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);

  pid_ = static_cast<pid_t>(sys("starting a zygote", [&] { return ::fork(); }));
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (root >= 0 && ::setns(root, CLONE_NEWNS) != 0) ::_exit(126);
    ::dup2(STDERR_FILENO, STDOUT_FILENO);  // what it has to say is for the log
    for (size_t i = 0; i < theirs.size(); ++i) ::dup2(theirs[i].get(), first_socket + static_cast<int>(i));
    // What an interpreter opens and keeps may not have a number that its guests need.
    for (int fd = first_socket + static_cast<int>(theirs.size()); fd <= answers_from; ++fd) ::dup2(STDIN_FILENO, fd);
    os::reset_signals();
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
}

bool ZygoteTree::fork_into(size_t zygote, const GuestEnds& ends, const std::vector<int>& cgroup) {
  std::vector<int> descriptors = {ends.agent, ends.finished, ends.go, ends.said, ends.out, ends.err};
  descriptors.insert(descriptors.end(), cgroup.begin(), cgroup.end());
  try {
    const std::string_view limits(reinterpret_cast<const char*>(&limits_), sizeof limits_);
    return os::send_message(sockets_.at(zygote).get(), limits, descriptors);
  } catch (const Failure& failure) {
    log_warning("a zygote is gone", {{"reason", failure.what()}});
    return false;
  }
}

}  // namespace ci::sandbox
