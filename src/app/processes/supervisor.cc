#include "app/processes/supervisor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>

#include "app/processes/sandboxd_link.h"
#include "base/log.h"
#include "base/sys.h"
#include "os/child_process.h"
#include "os/message_socket.h"

namespace ci::app {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds first_pause{100};
constexpr milliseconds longest_pause{10000};
constexpr std::chrono::seconds healthy_after{10};
constexpr std::chrono::seconds sandboxd_cleanup{10};
constexpr int most_early_crashes = 5;

class Supervisor {
 public:
  explicit Supervisor(const SupervisorSettings& settings) : settings_(settings), signals_(take_signals()) {}

  int run() {
    start_both();
    for (;;) {
      if (const auto status = worker_->try_wait()) {
        if (!crashed(*status)) return end(*status);
        start_both();
      }
      wait_for_news();
      read_signals();
      look_after_sandboxd();
      reap_orphans();
      if (give_up_ && Clock::now() >= *give_up_) {
        log_error("the server did not stop in time and is killed");
        worker_->signal(SIGKILL);
        give_up_.reset();
      }
    }
  }

 private:
  static bool is_ignored(int number) {
    struct sigaction action{};
    return ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
  }

  static UniqueFd take_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGTERM, SIGCHLD}) ::sigaddset(&set, number);
    // nohup(1), and a shell that starts something in the background, have told us not to listen to these. A signal that is
    // ignored and blocked would reach us all the same.
    for (const int number : {SIGINT, SIGHUP}) {
      if (!is_ignored(number)) ::sigaddset(&set, number);
    }
    sys("blocking signals", [&] { return ::sigprocmask(SIG_BLOCK, &set, nullptr); });
    return UniqueFd(
        sys("making a signal descriptor", [&] { return ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK); }));
  }

  static os::SpawnRequest request(const std::vector<std::string>& arguments, int socket) {
    os::SpawnRequest request;
    request.program = os::own_program();
    request.arguments = {"kubecoderun"};
    request.arguments.insert(request.arguments.end(), arguments.begin(), arguments.end());
    request.descriptors = {{socket, inherited_socket}};
    request.own_group = true;
    return request;
  }

  void start_both() {
    auto [ours, theirs] = os::message_socket_pair();
    link_ = std::move(ours);
    // A worker that does not read must not make us wait: a socket that does not fit is that of one more dead sandboxd.
    sys("preparing the link", [&] { return ::fcntl(link_.get(), F_SETFL, O_NONBLOCK); });
    start_sandboxd();
    std::vector<std::string> arguments = settings_.worker_arguments;
    arguments.insert(arguments.end(), {"--supervisor", std::to_string(::getpid())});
    worker_ = os::ChildProcess::spawn(request(arguments, theirs.get()));
    worker_started_ = Clock::now();
  }

  // Whether the worker is to be started again: something killed it. One that exits has said why, and one that dies soon
  // after each start will not do better.
  bool crashed(int status) {
    if (status <= 128 || stopping_) return false;
    early_crashes_ = Clock::now() - worker_started_ < healthy_after ? early_crashes_ + 1 : 0;
    if (early_crashes_ >= most_early_crashes) return false;
    log_error("the server was killed and is started again", {{"signal", status - 128}});
    end_sandboxd();
    return true;
  }

  void start_sandboxd() {
    if (settings_.sandboxd_arguments.empty()) return;
    auto [ours, theirs] = os::message_socket_pair();
    sandboxd_ = os::ChildProcess::spawn(request(settings_.sandboxd_arguments, theirs.get()));
    sandboxd_started_ = Clock::now();
    try {
      // From here on only the worker has the other end: it closes when the worker ends.
      send_sandboxd(link_.get(), ours.get());
    } catch (const Failure& failure) {
      // The worker has just ended; its status will say why.
      log_debug("no server to hand sandboxd to", {{"reason", failure.what()}});
    }
  }

  void look_after_sandboxd() {
    if (sandboxd_) {
      const auto status = sandboxd_->try_wait();
      if (!status) return;
      sandboxd_.reset();
      if (stopping_) return;
      if (Clock::now() - sandboxd_started_ >= healthy_after) pause_ = first_pause;
      restart_ = Clock::now() + pause_;
      // 0: the server let go of it, to have one that knows of an update.
      log(*status == 0 ? LogLevel::info : LogLevel::error, "sandboxd ended and is started again",
          {{"status", *status}, {"in_ms", pause_.count()}});
      pause_ = std::min(pause_ * 2, longest_pause);
    }
    if (restart_ && Clock::now() >= *restart_ && !stopping_) {
      restart_.reset();
      start_sandboxd();
    }
  }

  void wait_for_news() {
    pollfd entries[3] = {{signals_.get(), POLLIN, 0}, {worker_->pidfd(), POLLIN, 0}, {-1, POLLIN, 0}};
    if (sandboxd_) entries[2].fd = sandboxd_->pidfd();
    std::optional<Clock::time_point> until = restart_;
    if (give_up_) until = until ? std::min(*until, *give_up_) : give_up_;
    int timeout = -1;
    if (until) {
      const auto left = std::chrono::ceil<milliseconds>(*until - Clock::now());
      timeout = static_cast<int>(std::clamp<long long>(left.count(), 0, 3600'000));
    }
    if (::poll(entries, 3, timeout) < 0 && errno != EINTR) throw Failure::from_errno(errno, "waiting for children");
  }

  void read_signals() {
    signalfd_siginfo info;
    while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGCHLD) continue;  // only to wake up: see reap_orphans()
      if (!stopping_) give_up_ = Clock::now() + settings_.patience;
      stopping_ = true;
      worker_->signal(SIGTERM);
    }
  }

  // As pid 1 of a container we inherit what lost its parent.
  void reap_orphans() {
    for (;;) {
      siginfo_t info{};
      if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
      if (info.si_pid == worker_->pid() || (sandboxd_ && info.si_pid == sandboxd_->pid()))
        return;  // theirs comes first
      ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
    }
  }

  // The worker had the only other end of sandboxd's socket: sandboxd is clearing up.
  void end_sandboxd() {
    link_.reset();
    restart_.reset();
    if (sandboxd_ && !sandboxd_->wait_for(sandboxd_cleanup)) {
      log_error("sandboxd did not end in time and is killed");
    }
    sandboxd_.reset();
  }

  int end(int status) {
    end_sandboxd();
    // A worker that was told to stop before it could listen to signals has stopped as it was told.
    return stopping_ && status == 128 + SIGTERM ? 0 : status;
  }

  const SupervisorSettings& settings_;
  UniqueFd signals_;
  UniqueFd link_;
  std::optional<os::ChildProcess> worker_;
  std::optional<os::ChildProcess> sandboxd_;
  Clock::time_point worker_started_, sandboxd_started_;
  int early_crashes_ = 0;
  std::optional<Clock::time_point> restart_;
  milliseconds pause_ = first_pause;
  bool stopping_ = false;
  std::optional<Clock::time_point> give_up_;
};

}  // namespace

int supervise(const SupervisorSettings& settings) { return Supervisor(settings).run(); }

UniqueFd take_inherited_socket() {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(inherited_socket, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_SEQPACKET) {
    throw Failure(FailureKind::invalid, "this subcommand is for `kubecoderun serve` and not for people");
  }
  UniqueFd socket(inherited_socket);
  sys("keeping the socket to ourselves", [&] { return ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC); });
  return socket;
}

void end_with_parent(pid_t supervisor) {
  sys("binding to the supervisor", [] { return ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); });
  if (::getppid() != supervisor) ::_exit(1);  // it died before the call
}

}  // namespace ci::app
