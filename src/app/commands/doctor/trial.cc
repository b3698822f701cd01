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

namespace {

// Maps ids of the calling process once it is in a namespace of its own, from outside of that: written from inside, root's own id
// may be mapped only by who has SETFCAP (user_namespaces(7)), which nothing else of ours needs.
class OutsideMapper {
 public:
  OutsideMapper() {
    const pid_t mapped = ::getpid();
    int ends[2];
    sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
    UniqueFd asked(ends[0]);
    asking_ = UniqueFd(ends[1]);
    child_ = static_cast<pid_t>(sys("starting a child", [] { return ::fork(); }));
    if (child_ != 0) return;
    asking_.reset();
    char byte;
    if (::read(asked.get(), &byte, 1) == 1 && !try_map(mapped)) ::_exit(1);
    ::_exit(0);
  }
  void map() {
    sys("asking for id maps", [&] { return ::write(asking_.get(), "m", 1); });
    int status = 0;
    sys("waiting for a child", [&] { return ::waitpid(child_, &status, 0); });
    if (status != 0) throw Failure(FailureKind::unavailable, "users and groups cannot be mapped");
  }

 private:
  static bool try_map(pid_t process) noexcept {
    try {
      const std::string map = fmt::format("0 {} 1", sandbox::id_base);
      write_file(fmt::format("/proc/{}/uid_map", process).c_str(), map);
      write_file(fmt::format("/proc/{}/gid_map", process).c_str(), map);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  UniqueFd asking_;
  pid_t child_ = -1;
};

}  // namespace

void enter_user_namespace(int more_namespaces) {
  if (::geteuid() == 0) {
    OutsideMapper outside;
    sys("unshare(CLONE_NEWUSER)", [&] { return ::unshare(CLONE_NEWUSER | more_namespaces); });
    outside.map();
    return;
  }
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
