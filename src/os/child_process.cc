#include "os/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "base/sys.h"

namespace ci::os {

namespace {

void check(int error, const char* doing) {
  if (error != 0) throw Failure::from_errno(error, doing);
}

// posix_spawn's two parameter objects, freed together.
struct SpawnParameters {
  SpawnParameters() {
    check(::posix_spawn_file_actions_init(&actions), "preparing to start a program");
    check(::posix_spawnattr_init(&attributes), "preparing to start a program");
  }
  ~SpawnParameters() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  SpawnParameters(const SpawnParameters&) = delete;
  SpawnParameters& operator=(const SpawnParameters&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

// As execve(2) wants them: the strings are not changed, and end with a null pointer.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

int status_of(const siginfo_t& info) { return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status; }

}  // namespace

ChildProcess ChildProcess::spawn(const SpawnRequest& request) {
  SpawnParameters parameters;
  bool has_stdin = false;
  // First out of the way of the numbers that the child gets, then in place: the lists may overlap.
  std::vector<UniqueFd> copies;
  for (const auto& [ours, number] : request.descriptors) {
    has_stdin = has_stdin || number == 0;
    const int source = ours;
    UniqueFd copy(sys("preparing to start a program", [&] { return ::fcntl(source, F_DUPFD_CLOEXEC, 64); }));
    check(::posix_spawn_file_actions_adddup2(&parameters.actions, copy.get(), number), "preparing to start a program");
    copies.push_back(std::move(copy));
  }
  if (!has_stdin) {
    check(
        ::posix_spawn_file_actions_addopen(&parameters.actions, 0, "/dev/null", O_RDONLY, 0),
        "preparing to start a program");
  }

  if (!request.directory.empty()) {
    check(
        ::posix_spawn_file_actions_addchdir_np(&parameters.actions, request.directory.c_str()),
        "preparing to start a program");
  }

  // Blocked and ignored signals are inherited through exec: the child starts with neither.
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (request.own_group) flags |= POSIX_SPAWN_SETPGROUP;
  check(::posix_spawnattr_setsigmask(&parameters.attributes, &none), "preparing to start a program");
  check(::posix_spawnattr_setsigdefault(&parameters.attributes, &all), "preparing to start a program");
  check(::posix_spawnattr_setflags(&parameters.attributes, flags), "preparing to start a program");

  std::vector<char*> arguments = pointers_to(request.arguments);
  std::vector<char*> variables;
  if (request.environment) variables = pointers_to(*request.environment);
  pid_t pid = -1;
  const int error = ::posix_spawn(
      &pid, request.program.c_str(), &parameters.actions, &parameters.attributes, arguments.data(),
      request.environment ? variables.data() : environ);
  if (error != 0) throw Failure::from_errno(error, "starting " + request.program);

  // The child is not reaped before we do it, so its pid cannot have been reused.
  // By number: the C library of Debian 12 declares these two calls for C only.
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    const int reason = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw Failure::from_errno(reason, "watching " + request.program);
  }
  return ChildProcess(pid, UniqueFd(pidfd));
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;  // reaped or moved away
  signal(SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED) < 0 && errno == EINTR) {
  }
}

void ChildProcess::signal(int number) const {
  if (pid_ >= 0) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
}

std::optional<int> ChildProcess::try_wait() { return wait_for(std::chrono::milliseconds(0)); }

std::optional<int> ChildProcess::wait_for(std::chrono::milliseconds time) {
  CHECK(pid_ >= 0);
  const auto deadline = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{pidfd_.get(), POLLIN, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(std::max<long long>(left.count(), 0)));
    if (ready > 0) return wait();
    if (ready == 0) return std::nullopt;
    if (errno != EINTR) throw Failure::from_errno(errno, "waiting for a process");
  }
}

int ChildProcess::wait() {
  CHECK(pid_ >= 0);
  siginfo_t info{};
  sys("waiting for a process", [&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED); });
  pid_ = -1;
  return status_of(info);
}

// A path below /proc works where the name on disk is gone or belongs to a newer build.
std::string own_program() { return "/proc/self/exe"; }

}  // namespace ci::os
