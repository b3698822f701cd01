#include "app/commands/doctor/trial.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "base/sys.h"
#include "base/unique_fd.h"
#include "sandbox/id_maps.h"

namespace ci::app {

namespace {

void write_file(const char* path, const std::string& text) {
  const UniqueFd file(sys(std::string("opening ") + path, [&] { return ::open(path, O_WRONLY | O_CLOEXEC); }));
  sys(std::string("writing ") + path, [&] { return ::write(file.get(), text.data(), text.size()); });
}

}  // namespace

std::string try_in_child(const std::function<void()>& attempt) {
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  UniqueFd reading(ends[0]), writing(ends[1]);
  std::fflush(nullptr);
  const pid_t child = static_cast<pid_t>(sys("starting a child", [] { return ::fork(); }));
  if (child == 0) {
    std::string reason;
    try {
      attempt();
    } catch (const std::exception& error) {
      reason = error.what();
    }
    if (!reason.empty() && ::write(writing.get(), reason.data(), reason.size()) < 0) ::_exit(2);
    ::_exit(reason.empty() ? 0 : 1);
  }
  writing.reset();
  std::string reason;
  char buffer[512];
  for (;;) {
    const auto count = sys("reading from a child", [&] { return ::read(reading.get(), buffer, sizeof buffer); });
    if (count == 0) break;
    reason.append(buffer, static_cast<size_t>(count));
  }
  int status = 0;
  sys("waiting for a child", [&] { return ::waitpid(child, &status, 0); });
  if (reason.empty() && status != 0) reason = "the attempt was killed";
  return reason;
}

void enter_user_namespace(int more_namespaces) {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  sys("unshare(CLONE_NEWUSER)", [&] { return ::unshare(CLONE_NEWUSER | more_namespaces); });
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", fmt::format("0 {} 1", user));
  write_file("/proc/self/gid_map", fmt::format("0 {} 1", group));
}

void mount_fresh_proc() {
  enter_user_namespace(CLONE_NEWNS | CLONE_NEWPID);
  const pid_t child = static_cast<pid_t>(sys("starting a child", [] { return ::fork(); }));
  if (child == 0) {
    // The first process of the new pid namespace.
    ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    ::_exit(::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0 ? 0 : errno);
  }
  int status = 0;
  sys("waiting for a child", [&] { return ::waitpid(child, &status, 0); });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw Failure::from_errno(WIFEXITED(status) ? WEXITSTATUS(status) : EPERM, "mounting /proc");
}

// The maps of a child are written from outside.
void map_foreign_ids() {
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  UniqueFd made(ends[0]), making(ends[1]);
  const pid_t child = static_cast<pid_t>(sys("starting a child", [] { return ::fork(); }));
  if (child == 0) {
    const char result = ::unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
    if (::write(making.get(), &result, 1) == 1) ::pause();
    ::_exit(0);
  }
  making.reset();
  char result = 'n';
  std::string reason = "unshare(CLONE_NEWUSER) failed";
  if (::read(made.get(), &result, 1) == 1 && result == 'y') {
    reason.clear();
    try {
      const std::string map = fmt::format("0 {} 1", sandbox::id_base);
      write_file(fmt::format("/proc/{}/uid_map", child).c_str(), map);
      write_file(fmt::format("/proc/{}/gid_map", child).c_str(), map);
    } catch (const Failure& failure) {
      reason = failure.what();
    }
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!reason.empty()) throw Failure(FailureKind::unavailable, reason);
}

}  // namespace ci::app
