#include "sandbox/agent.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/relative_path.h"
#include "base/sys.h"
#include "os/message_socket.h"
#include "os/signals.h"
#include "sandbox/wire.h"
#include "sandbox/workspace.h"

namespace ci::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto soft_grace = std::chrono::milliseconds(300);  // between the soft signal and the kill
constexpr auto memory_check = std::chrono::milliseconds(100);
constexpr size_t files_per_message = 32;

std::uint64_t microseconds(Clock::duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000 + static_cast<std::uint64_t>(time.tv_usec);
}

void mount_memory(const char* target, const std::string& options) {
  sys(std::string("mounting ") + target, [&] {
    return ::mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options.c_str());
  });
}

void bring_up_loopback() {
  const UniqueFd socket(sys("opening a socket", [&] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  sys("bringing up the loopback interface", [&] { return ::ioctl(socket.get(), SIOCSIFFLAGS, &request); });
}

// What the agent still needs after the sandbox stands: to kill, to read and to give away the guest's files.
void keep_few_capabilities() {
  constexpr std::uint32_t kept =
      1u << CAP_KILL | 1u << CAP_CHOWN | 1u << CAP_FOWNER | 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct sets[2] = {{kept, kept, 0}, {}};
  sys("dropping capabilities", [&] { return ::syscall(SYS_capset, &header, sets); });
}

class Agent {
 public:
  Agent(const AgentPlan& plan, AgentDescriptors descriptors, const SeccompFilter& filter)
      : plan_(plan), fds_(std::move(descriptors)), filter_(filter) {}

  void run() {
    wait_for_maps();
    make_sandbox();
    bear_guest();
    wait_for_guest();
    become_agent();
    send(Writer(Tag::ready));
    if (!take_program()) return;
    run_program();
    report();
    hand_out_files();
    wait_for_end();
  }

  void failed(std::string_view reason) noexcept {
    try {
      send(Writer(Tag::failed).text(reason));
    } catch (const Failure&) {  // the server is gone: nobody is left to tell
    }
  }

 private:
  // --- birth -------------------------------------------------------------------------------------------------------

  // The ids of this namespace mean nothing until sandboxd has written the maps from outside.
  void wait_for_maps() {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    char byte;
    sys("waiting for the id maps", [&] { return ::read(fds_.mapped.get(), &byte, 1); });
    fds_.mapped.reset();
  }

  void make_sandbox() {
    const std::string inodes = ",nr_inodes=" + std::to_string(plan_.workspace_files);
    const std::string guest = std::to_string(guest_id);
    mount_memory(
        workspace,
        "mode=0755,uid=" + guest + ",gid=" + guest + ",size=" + std::to_string(plan_.workspace_bytes) + inodes);
    mount_memory("/tmp", "mode=1777,size=" + std::to_string(plan_.tmp_bytes) + inodes);
    mount_memory("/dev/shm", "mode=1777,size=" + std::to_string(plan_.tmp_bytes / 4) + inodes);
    // Other users' processes, of which the agent is the only one, cannot be seen.
    sys("mounting /proc", [&] {
      return ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible");
    });
    bring_up_loopback();
    sys("setting the host name", [&] { return ::sethostname(plan_.hostname.data(), plan_.hostname.size()); });
    sys("entering the workspace", [&] { return ::chdir(workspace); });
    workspace_ = UniqueFd(sys("opening the workspace", [&] {
      return ::open(workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }));
    if (fds_.finished) {
      sys("telling the zygote", [&] { return ::write(fds_.finished.get(), "m", 1); });
      fds_.finished.reset();
    }
  }

  // The guest's process is born before we change our own user: version 1 cgroups let only a process of the same
  // user be moved, and the move must come before any code that could allocate.
  void bear_guest() {
    if (plan_.birth == Birth::adopted) return;
    const pid_t child = static_cast<pid_t>(sys("starting the guest", [&] { return ::fork(); }));
    if (child == 0) guest_child();
  }

  [[noreturn]] void guest_child() {
    const int go = fds_.guest_go.get();
    const char* wrong = join_cgroups(fds_.cgroup.data(), static_cast<int>(fds_.cgroup.size()));
    if (wrong == nullptr) {
      ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
      ::dup2(fds_.out.get(), STDOUT_FILENO);
      ::dup2(fds_.err.get(), STDERR_FILENO);
      ::dup2(go, 3);
      ::syscall(SYS_close_range, 4u, ~0u, 0u);
      os::reset_signals();
      wrong = become_guest(plan_.limits, filter_.program());
    }
    if (wrong != nullptr) {
      const std::string text = std::string("E") + wrong + ": " + std::strerror(errno);
      [[maybe_unused]] const ssize_t ignored = ::write(3, text.data(), text.size());
      ::_exit(126);
    }
    std::vector<std::string> command = plan_.command;
    if (plan_.birth == Birth::launched) {
      const pid_t self = ::getpid();
      char hello[1 + sizeof self] = {'R'};
      std::memcpy(hello + 1, &self, sizeof self);
      if (::write(3, hello, sizeof hello) < 0) ::_exit(126);
      std::string arguments;
      char buffer[4096];
      for (ssize_t got; (got = ::read(3, buffer, sizeof buffer)) > 0;) arguments.append(buffer, static_cast<size_t>(got));
      for (size_t begin = 1; begin < arguments.size();) {  // after the word of command
        const size_t end = arguments.find('\0', begin);
        command.push_back(arguments.substr(begin, end - begin));
        begin = end + 1;
      }
      if (arguments.empty()) ::_exit(126);
      ::close(3);
    }
    std::vector<char*> argv, environment;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<std::string> variables = plan_.environment;
    for (std::string& variable : variables) environment.push_back(variable.data());
    environment.push_back(nullptr);
    ::execve(argv[0], argv.data(), environment.data());
    const std::string text = std::string("cannot start ") + argv[0] + ": " + std::strerror(errno) + "\n";
    [[maybe_unused]] const ssize_t ignored = ::write(2, text.data(), text.size());
    ::_exit(127);
  }

  // Only now: a zygote may enter the namespaces of a process only while it could trace it (setns(2)), and the steps
  // below end that. Until the word to go the guest's process runs nothing but our code.
  void become_agent() {
    ::syscall(SYS_setgroups, 0, nullptr);  // denied, and needless, where only one uid is mapped
    sys("changing the group", [&] { return ::syscall(SYS_setresgid, plan_.agent_uid, plan_.agent_uid, plan_.agent_uid); });
    sys("changing the user", [&] { return ::syscall(SYS_setresuid, plan_.agent_uid, plan_.agent_uid, plan_.agent_uid); });
    keep_few_capabilities();
    // Changing the user cleared the parent-death signal. We are process 1: our death ends the sandbox.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_DUMPABLE, 0);
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    signals_ = UniqueFd(sys("watching for children", [&] { return ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK); }));
  }

  void wait_for_guest() {
    // Our copies would keep the streams open after the guest is gone.
    fds_.guest_go.reset();
    fds_.out.reset();
    fds_.err.reset();
    char hello[512];
    const ssize_t got =
        sys("waiting for the guest", [&] { return ::recv(fds_.go.get(), hello, sizeof hello, 0); });
    if (got == 1 + static_cast<ssize_t>(sizeof(pid_t)) && hello[0] == 'R') {
      std::memcpy(&guest_, hello + 1, sizeof guest_);
      // Opened while we may still see it; /proc hides others' processes from what we are about to become.
      const std::string path = "/proc/" + std::to_string(guest_) + "/status";
      guest_state_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      return;
    }
    const std::string reason = got > 1 && hello[0] == 'E' ? std::string(hello + 1, static_cast<size_t>(got - 1))
                                                          : std::string("the runtime ended before it was ready");
    throw Failure(FailureKind::unavailable, reason);
  }

  // --- the program -------------------------------------------------------------------------------------------------

  // Places what is sent until the word to start; false when the server let go of us instead.
  bool take_program() {
    os::Message message;
    while (os::receive_message(fds_.control.get(), message) == os::Received::message) {
      if (!begun_) begun_ = Clock::now();
      Reader reader(message.payload);
      if (reader.tag() == Tag::put) {
        for (const UniqueFd& file : message.descriptors) {
          const bool read_only = reader.number<std::uint8_t>() != 0;
          const auto name = RelativePath::parse(reader.text());
          CHECK(name.has_value());
          place_file(workspace_.get(), *name, file.get(), read_only, guest_id);
        }
        continue;
      }
      CHECK(reader.tag() == Tag::start && message.descriptors.size() == 1);
      time_limit_ = std::chrono::milliseconds(reader.number<std::uint64_t>());
      collect_.file_bytes = reader.number<std::uint64_t>();
      collect_.files = reader.number<std::uint32_t>();
      started_ = Clock::now();
      say_go(message.descriptors.front());
      return true;
    }
    return false;
  }

  // One word, then the arguments, then the end. The guest reads as we write, so any length passes.
  void say_go(const UniqueFd& arguments) {
    char buffer[64 << 10] = {'G'};
    size_t filled = 1;
    for (off_t offset = 0;;) {
      const auto got = sys("reading the arguments", [&] {
        return ::pread(arguments.get(), buffer + filled, sizeof buffer - filled, offset);
      });
      offset += got;
      filled += static_cast<size_t>(got);
      for (size_t sent = 0; sent < filled;) {
        const ssize_t count = ::send(fds_.go.get(), buffer + sent, filled - sent, MSG_NOSIGNAL);
        if (count < 0 && errno != EINTR) break;  // it died: waiting for it will tell
        if (count > 0) sent += static_cast<size_t>(count);
      }
      filled = 0;
      if (got == 0) break;
    }
    ::shutdown(fds_.go.get(), SHUT_WR);
    fds_.go.reset();
  }

  void run_program() {
    const Clock::time_point deadline = started_ + time_limit_;
    std::optional<Clock::time_point> kill_at;
    while (!reap_until_guest_ends()) {
      const auto now = Clock::now();
      if (out_of_memory()) break;
      if (kill_at && now >= *kill_at) break;
      if (!kill_at && now >= deadline) {
        timed_out_ = true;
        ::kill(-guest_, soft_signal());
        kill_at = now + soft_grace;
      }
      const auto next = std::min(kill_at.value_or(deadline), now + memory_check);
      pollfd waiting[] = {{signals_.get(), POLLIN, 0}, {fds_.control.get(), POLLIN, 0}};
      const auto time = std::chrono::ceil<std::chrono::milliseconds>(next - now);
      ::poll(waiting, 2, static_cast<int>(std::max<std::int64_t>(0, time.count())));
      // The server says nothing during a run: its end is the only news.
      if (waiting[1].revents != 0) ::_exit(0);
      signalfd_siginfo drained[8];
      while (::read(signals_.get(), drained, sizeof drained) > 0) {
      }
    }
    ended_ = Clock::now();
    end_everything();
    killed_ = Clock::now();
  }

  // SIGTERM for a program that has a handler for it. For others SIGINT, which by default ends a program as well, and
  // makes Python say where it was.
  int soft_signal() const {
    char text[4096];
    const ssize_t size = ::pread(guest_state_.get(), text, sizeof text - 1, 0);
    if (size <= 0) return SIGINT;
    text[size] = '\0';
    const char* caught = std::strstr(text, "SigCgt:");
    if (caught == nullptr) return SIGINT;
    const unsigned long long mask = std::strtoull(caught + std::strlen("SigCgt:"), nullptr, 16);
    return (mask >> (SIGTERM - 1) & 1) != 0 ? SIGTERM : SIGINT;
  }

  // True once the guest's own process has ended.
  bool reap_until_guest_ends() {
    int status;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == guest_) {
        guest_status_ = status;
        return true;
      }
    }
    return false;
  }

  bool out_of_memory() {
    if (!oom_ && fds_.oom_events >= 0) oom_ = os::read_counter(fds_.oom_events, "oom_kill").value_or(0) > 0;
    return oom_;
  }

  // kill(2) with -1 reaches every process of the namespace but ourselves, in one step that no fork can outrun: a fork
  // with a signal pending fails.
  void end_everything() {
    out_of_memory();
    for (;;) {
      ::kill(-1, SIGKILL);
      int status;
      const pid_t pid = ::waitpid(-1, &status, 0);
      if (pid == guest_ && !guest_status_) guest_status_ = status;
      if (pid < 0 && errno == ECHILD) break;
    }
  }

  // --- afterwards --------------------------------------------------------------------------------------------------

  void report() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    const std::uint64_t peak = fds_.peak_memory >= 0 ? os::read_number(fds_.peak_memory).value_or(0) : 0;
    const int status = guest_status_.value_or(0);
    Writer ended(Tag::ended);
    ended.number<std::uint8_t>(timed_out_).number<std::uint8_t>(oom_).number<std::int32_t>(status);
    ended.number(microseconds(ended_ - started_));
    ended.number(microseconds(usage.ru_utime) + microseconds(usage.ru_stime)).number(peak);
    ended.number(microseconds(started_ - *begun_)).number(microseconds(killed_ - ended_));
    send(ended);
  }

  void hand_out_files() {
    const auto begin = Clock::now();
    Writer batch(Tag::file);
    std::vector<UniqueFd> files;
    const auto flush = [&] {
      if (files.empty()) return;
      std::vector<int> numbers;
      for (const UniqueFd& file : files) numbers.push_back(file.get());
      os::send_message(fds_.control.get(), batch.bytes(), numbers);
      files.clear();
      batch = Writer(Tag::file);
    };
    for (const Found& found : find_files(workspace_.get(), collect_)) {
      if (found.name.text() == plan_.source_name) continue;
      UniqueFd file = open_found(workspace_.get(), found);
      if (!file) continue;
      batch.text(found.name.text()).number(found.size);
      files.push_back(std::move(file));
      if (files.size() == files_per_message) flush();
    }
    flush();
    send(Writer(Tag::collected).number(microseconds(Clock::now() - begin)));
  }

  void wait_for_end() {
    os::Message message;
    while (os::receive_message(fds_.control.get(), message) == os::Received::message) {
    }
  }

  void send(const Writer& writer) { os::send_message(fds_.control.get(), writer.bytes()); }

  const AgentPlan& plan_;
  AgentDescriptors fds_;
  const SeccompFilter& filter_;
  UniqueFd workspace_, signals_, guest_state_;
  pid_t guest_ = -1;
  std::optional<int> guest_status_;
  std::optional<Clock::time_point> begun_;
  Clock::time_point started_, ended_, killed_;
  std::chrono::milliseconds time_limit_{0};
  CollectLimits collect_{0, 0};
  bool timed_out_ = false, oom_ = false;
};

}  // namespace

void run_agent(const AgentPlan& plan, AgentDescriptors descriptors, const SeccompFilter& filter) noexcept {
  try {
    Agent agent(plan, std::move(descriptors), filter);
    try {
      agent.run();
    } catch (const std::exception& error) {
      agent.failed(error.what());
    }
  } catch (...) {
  }
  ::_exit(0);
}

}  // namespace ci::sandbox
