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
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/relative_path.h"
#include "base/sys.h"
#include "os/message_socket.h"
#include "sandbox/guest/words.h"
#include "sandbox/guest_command.h"
#include "sandbox/product.h"
#include "sandbox/wire.h"
#include "sandbox/workspace.h"

namespace ci::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto soft_grace = std::chrono::milliseconds(300);  // between the soft signal and the kill
constexpr auto memory_check = std::chrono::milliseconds(100);
constexpr size_t files_per_message = 32;
constexpr std::uint64_t most_queued_for_netlink = 16 << 20;
constexpr size_t most_batched = 40 << 10;  // of names in a message, which may be as long as paths are
constexpr size_t longest_told = 300;       // of a name of something that is not handed out
constexpr auto capture_limit = std::chrono::seconds(10);  // of writing a session's state, after the program's time
constexpr size_t longest_note = 1000;
constexpr size_t most_said = 4 << 10;   // by an honest guest; what comes beyond is not read
constexpr int reaped_at_once = 256;     // a program can have children that end as quickly as we look

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

// Of the host, and no file of a process. Where it is not there, nothing is to hide.
void hide(const char* file) { ::mount("/dev/null", file, nullptr, MS_BIND, nullptr); }

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

// Bytes that wait in netlink sockets of this network namespace, which no group is charged for: the sum of a column of
// /proc/net/netlink.
std::uint64_t queued_for_netlink(int file) {
  std::array<char, 16 << 10> buffer;
  std::uint64_t sum = 0;
  std::string rest;
  ::lseek(file, 0, SEEK_SET);
  for (ssize_t got; (got = ::read(file, buffer.data(), buffer.size())) > 0 && sum <= most_queued_for_netlink;) {
    rest.append(buffer.data(), static_cast<size_t>(got));
    for (size_t end; (end = rest.find('\n')) != rest.npos; rest.erase(0, end + 1)) {
      unsigned long long bytes = 0;
      if (std::sscanf(rest.c_str(), "%*s %*s %*s %*s %llu", &bytes) == 1) sum += bytes;
    }
  }
  return sum;
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
    send(Writer(Tag::ready).number(peak_memory()));
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
    if (!plan_.compile.empty()) {
      mount_memory(
          build_directory,
          "mode=0755,uid=" + guest + ",gid=" + guest + ",size=" + std::to_string(plan_.tmp_bytes) + inodes);
    }
    // Other users' processes, of which the agent is the only one, cannot be seen.
    sys("mounting /proc", [&] {
      return ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible");
    });
    for (const char* file : {"/proc/cmdline", "/proc/keys"}) hide(file);
    netlink_ = UniqueFd(::open("/proc/self/net/netlink", O_RDONLY | O_CLOEXEC));
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
    if (child == 0) run_guest(plan_, fds_, filter_);
  }

  // Only now: a zygote may enter the namespaces of a process only while it could trace it (setns(2)), and the steps
  // below end that. Until the word to go the guest's process runs nothing but our code.
  void become_agent() {
    // The guest has set what it must, and nothing below /proc is a program's to change: how soon the kernel ends it, for one.
    sys("making /proc read-only", [] {
      return ::mount(nullptr, "/proc", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    });
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
    for (UniqueFd* fd : {&fds_.guest_go, &fds_.guest_said, &fds_.out, &fds_.err}) fd->reset();
    char hello[512];
    // No user's code is there yet; the server ends one that takes too long.
    const ssize_t got = sys("waiting for the guest", [&] { return ::read(fds_.said.get(), hello, sizeof hello); });
    sys("listening to the guest", [&] { return ::fcntl(fds_.said.get(), F_SETFL, O_NONBLOCK); });
    if (got == 1 + static_cast<ssize_t>(sizeof(pid_t)) && hello[0] == words::ready) {
      std::memcpy(&guest_, hello + 1, sizeof guest_);
      // Opened while we may still see it; /proc hides others' processes from what we are about to become.
      const std::string path = "/proc/" + std::to_string(guest_) + "/status";
      guest_state_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      return;
    }
    const std::string reason = got > 1 && hello[0] == words::failed ? std::string(hello + 1, static_cast<size_t>(got - 1))
                                                          : std::string("the runtime ended before it was ready");
    throw Failure(FailureKind::unavailable, reason);
  }

  // --- the program -------------------------------------------------------------------------------------------------

  // False when the guest ends before the server has a program for it: our own end then tells the server, which would
  // else give a dead sandbox to somebody.
  bool wait_for_server() {
    for (;;) {
      if (reap_until_guest_ends()) return false;
      pollfd waiting[] = {{fds_.control.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
      ::poll(waiting, 2, -1);
      if (waiting[0].revents != 0) return true;
      drain_signals();
    }
  }

  // Before the next look for children, so none is missed. All that wait are one signal.
  void drain_signals() {
    signalfd_siginfo drained[8];
    [[maybe_unused]] const ssize_t ignored = ::read(signals_.get(), drained, sizeof drained);
  }

  // Places what is sent until the word to start; false when the server let go of us instead.
  bool take_program() {
    os::Message message;
    if (!wait_for_server()) return false;
    while (os::receive_message(fds_.control.get(), message) == os::Received::message) {
      if (!begun_) begun_ = Clock::now();
      Reader reader(message.payload);
      if (reader.tag() == Tag::put) {
        for (const UniqueFd& file : message.descriptors) {
          const bool read_only = reader.number<std::uint8_t>() != 0;
          const auto name = RelativePath::parse(reader.text());
          CHECK(name.has_value());
          place(*name, file.get(), read_only);
        }
        continue;
      }
      if (reader.tag() == Tag::program) {
        CHECK(message.descriptors.size() == 1 && !plan_.compile.empty());
        place_product(message.descriptors.front().get(), plan_.compile.program, guest_id);
        continue;
      }
      CHECK(reader.tag() == Tag::start && !message.descriptors.empty());
      time_limit_ = std::chrono::milliseconds(reader.number<std::uint64_t>());
      compile_limit_ = std::chrono::milliseconds(reader.number<std::uint64_t>());
      compiling_ = compile_limit_.count() > 0;
      collect_.file_bytes = reader.number<std::uint64_t>();
      collect_.files = reader.number<std::uint32_t>();
      product_limit_ = reader.number<std::uint64_t>();
      const auto state = reader.number<std::uint8_t>();
      with_state_ = state != no_state;
      placed_ = started_ = Clock::now();
      netlink_due_ = started_ + memory_check;
      if (state == state_after_errors) word_ = words::go_keep_after_errors;
      arguments_ = std::move(message.descriptors.front());
      state_files_.assign(
          std::make_move_iterator(message.descriptors.begin() + 1), std::make_move_iterator(message.descriptors.end()));
      if (compiling_ && !plan_.compile.empty()) say(words::build);
      else say_go();
      return true;
    }
    return false;
  }

  // A program goes without an input that there is no room for. It cannot go without itself.
  void place(const RelativePath& name, int file, bool read_only) {
    if (const auto placed = place_file(workspace_.get(), name, file, read_only, guest_id)) {
      placed_files_[name.text()] = *placed;
    } else {
      if (name.text() == plan_.source_name) throw Failure(FailureKind::exhausted, "there is no room for the program");
      if (unplaced_.size() < most_numbers) unplaced_.push_back(static_cast<std::uint32_t>(names_.size()));
    }
    names_.push_back(name);
  }

  // One word, perhaps with descriptors: two at most are said, so there is room.
  void say(char word, std::span<const int> descriptors = {}) {
    try {
      os::send_message(fds_.go.get(), std::string_view(&word, 1), descriptors);
    } catch (const Failure&) {  // it died: waiting for it will tell
    }
  }

  void say_go() {
    if (!plan_.compile.empty()) take_back_memory();
    if (oom_) return;
    std::vector<int> passed;
    for (const UniqueFd& file : state_files_) passed.push_back(file.get());
    say(word_, passed);
    state_files_.clear();
    say_arguments();
  }

  // As many as the guest takes now; then the end of our side. A guest that does not read them must not keep us from watching
  // over it.
  void say_arguments() {
    char buffer[64 << 10];
    for (;;) {
      const auto got = sys("reading the arguments", [&] {
        return ::pread(arguments_.get(), buffer, sizeof buffer, arguments_said_);
      });
      if (got == 0) break;
      const ssize_t count = ::send(fds_.go.get(), buffer, static_cast<size_t>(got), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        saying_ = true;
        return;
      }
      if (count < 0) break;  // it died: waiting for it will tell
      arguments_said_ += count;
    }
    ::shutdown(fds_.go.get(), SHUT_WR);
    arguments_.reset();
    saying_ = false;
  }

  // What only the compiler may have. It may have left something running that needs it: that would be the program's.
  void take_back_memory() {
    const std::string bytes = std::to_string(plan_.memory_bytes);
    for (const int limit : fds_.memory_limits) {
      if (::write(limit, bytes.data(), bytes.size()) < 0) oom_ = true;
    }
  }

  void run_program() {
    std::optional<Clock::time_point> kill_at;
    while (!reap_until_guest_ends()) {
      const auto now = Clock::now();
      if (out_of_memory()) break;
      if (kill_at && now >= *kill_at) break;
      if (!kill_at && interrupted_ && !said_) {
        ::kill(-guest_, soft_signal());
        kill_at = now + soft_grace;
      }
      if (!kill_at && now >= deadline()) {
        if (said_) break;
        timed_out_ = true;
        ::kill(-guest_, soft_signal());
        kill_at = now + soft_grace;
      }
      const auto next = more_to_reap_ ? now : std::min(kill_at.value_or(deadline()), now + memory_check);
      pollfd waiting[] = {
          {signals_.get(), POLLIN, 0},
          {fds_.control.get(), POLLIN, 0},
          {fds_.said.get(), POLLIN, 0},
          {saying_ ? fds_.go.get() : -1, POLLOUT, 0}};
      const auto time = std::chrono::ceil<std::chrono::milliseconds>(next - now);
      ::poll(waiting, 4, static_cast<int>(std::max<std::int64_t>(0, time.count())));
      if (waiting[1].revents != 0 && !hear_server()) ::_exit(0);
      if (waiting[2].revents != 0) hear_guest(Clock::now());
      if (waiting[3].revents != 0) say_arguments();
      drain_signals();
    }
    const auto end = Clock::now();
    end_everything();
    killed_ = Clock::now();
    // Only now: whoever could go on talking is dead.
    dead_ = true;
    while (with_state_ && hear_guest(end)) {
    }
    ended_ = said_.value_or(end);
  }

  // False when it has let go of us.
  bool hear_server() {
    os::Message message;
    if (os::receive_message(fds_.control.get(), message) != os::Received::message) return false;
    if (Reader(message.payload).tag() == Tag::interrupt) interrupted_ = true;
    return true;
  }

  Clock::time_point deadline() const {
    if (said_) return *said_ + capture_limit;
    return started_ + (compiling_ ? compile_limit_ : time_limit_);
  }

  // False when nothing more has come, or nothing more is wanted. A guest that lies gets no more time than it could have had.
  bool hear_guest(Clock::time_point now) {
    if (!fds_.said) return false;
    char heard[1024];
    const ssize_t got = ::read(fds_.said.get(), heard, sizeof heard);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got > 0) heard_ += static_cast<size_t>(got);
    if (got <= 0 || heard_ > most_said) {
      fds_.said.reset();
      return false;
    }
    for (const char word : std::string_view(heard, static_cast<size_t>(got))) hear(word, now);
    return true;
  }

  void hear(char word, Clock::time_point now) {
    if (said_) {
      if (note_.size() < longest_note) note_ += word;
    } else if (status_follows_) {
      said_oom_ = out_of_memory();
      said_ = now;
      said_status_ = static_cast<unsigned char>(word);
    } else if ((word == words::compiled || word == words::compiled_silently) && compiling_ && !timed_out_ && !dead_) {
      if (word == words::compiled_silently) hand_out_product();
      compiling_ = false;
      compile_time_ = now - started_;
      started_ = now;
      if (arguments_) say_go();  // it waited for the word
    } else if (word == words::unreadable && with_state_) {
      state_unusable_ = true;
    } else if (word == words::ended && with_state_ && !timed_out_) {
      status_follows_ = true;
    }
  }

  // The guest waits for our word: nothing has run in this sandbox but the compiler.
  void hand_out_product() {
    if (product_limit_ == 0 || !arguments_ || plan_.compile.empty()) return;
    const UniqueFd product = take_product(plan_.compile.program, product_limit_);
    const int descriptors[] = {product.get()};
    if (product) os::send_message(fds_.control.get(), Writer(Tag::product).bytes(), descriptors);
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
    for (int i = 0; i < reaped_at_once; ++i) {
      int status;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid <= 0) {
        more_to_reap_ = false;
        return false;
      }
      if (pid == guest_) {
        guest_status_ = status;
        return true;
      }
    }
    more_to_reap_ = true;
    return false;
  }

  // Of all guest processes so far, in bytes; 0: unknown.
  std::uint64_t peak_memory() {
    if (fds_.peak_memory < 0) return 0;
    const std::uint64_t now = os::read_number(fds_.peak_memory).value_or(0);
    peak_memory_ = std::max(peak_memory_, now - std::min(now, fds_.memory_before));
    return peak_memory_;
  }

  bool out_of_memory() {
    peak_memory();
    if (!oom_ && fds_.oom_events >= 0) {
      oom_ = os::read_counter(fds_.oom_events, "oom_kill").value_or(0) > fds_.oom_kills_before;
    }
    if (!oom_ && netlink_ && Clock::now() >= netlink_due_) {
      oom_ = queued_for_netlink(netlink_.get()) > most_queued_for_netlink;
      netlink_due_ = Clock::now() + memory_check;
    }
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
    int status = guest_status_.value_or(0);
    bool captured = false;
    if (said_) {
      // Whatever happened after the end of the program is not its fate.
      oom_ = said_oom_;
      const int said = W_EXITCODE(said_status_, 0);
      captured = status == said;
      if (!WIFEXITED(status)) status = said;
    }
    Writer ended(Tag::ended);
    ended.number<std::uint8_t>(timed_out_).number<std::uint8_t>(interrupted_ && !said_).number<std::uint8_t>(oom_).number<std::int32_t>(status);
    ended.number(microseconds(ended_ - started_));
    ended.number(microseconds(usage.ru_utime) + microseconds(usage.ru_stime)).number(peak_memory());
    ended.number(microseconds(placed_ - *begun_)).number(microseconds(killed_ - ended_));
    ended.number<std::uint8_t>(compiling_).number(microseconds(compile_time_));
    ended.number<std::uint8_t>(captured).number<std::uint8_t>(state_unusable_).text(note_);
    for (const std::uint32_t number : unplaced_) ended.number(number);
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
    Search search = find_files(workspace_.get(), collect_, placed_files_);
    for (const Found& found : search.found) {
      // The program's own text; what it wrote in its place is its own as well.
      if (found.name == plan_.source_name && (!found.written || found.name.starts_with('.'))) continue;
      UniqueFd file = open_found(workspace_.get(), found);
      if (!file) {
        search.skip(found.name, LeftOut::unreadable);
        continue;
      }
      batch.text(found.name).number(found.size).number<std::uint8_t>(found.written);
      files.push_back(std::move(file));
      if (files.size() == files_per_message || batch.bytes().size() > most_batched) flush();
    }
    flush();
    Writer collected(Tag::collected);
    collected.number(microseconds(Clock::now() - begin)).number<std::uint8_t>(search.complete);
    for (const std::uint32_t count : search.counts) collected.number(count);
    collected.number(static_cast<std::uint32_t>(search.skipped.size()));
    for (const Skipped& skipped : search.skipped) {
      collected.number(static_cast<std::uint8_t>(skipped.reason)).number(skipped.files);
      collected.text(std::string_view(skipped.name).substr(0, longest_told));
    }
    size_t told = 0;
    for (std::uint32_t number = 0; number < names_.size() && told < most_numbers; ++number) {
      if (std::ranges::binary_search(unplaced_, number) || is_there(workspace_.get(), names_[number])) continue;
      collected.number(number);
      ++told;
    }
    send(collected);
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
  UniqueFd workspace_, signals_, guest_state_, netlink_;
  std::uint64_t peak_memory_ = 0;
  Clock::time_point netlink_due_ = Clock::time_point::max();  // not before a program has run for a while
  UniqueFd arguments_;  // until they are said
  off_t arguments_said_ = 0;
  bool saying_ = false;  // and the guest has not taken all of them
  std::vector<UniqueFd> state_files_;
  std::vector<RelativePath> names_;      // of what was to be placed, in order
  PlacedFiles placed_files_;
  std::vector<std::uint32_t> unplaced_;  // numbers of those that there was no room for
  char word_ = words::go;
  size_t heard_ = 0;  // bytes that the guest has said
  bool more_to_reap_ = false, dead_ = false;
  pid_t guest_ = -1;
  std::optional<int> guest_status_;
  std::optional<Clock::time_point> begun_;
  Clock::time_point placed_, started_, ended_, killed_;  // started: the program, or its compiler while compiling_
  Clock::duration compile_time_{0};
  std::chrono::milliseconds time_limit_{0}, compile_limit_{0};
  CollectLimits collect_{0, 0};
  std::uint64_t product_limit_ = 0;
  bool timed_out_ = false, interrupted_ = false, oom_ = false, compiling_ = false;
  // Of a session's state.
  bool with_state_ = false, state_unusable_ = false, status_follows_ = false;
  std::optional<Clock::time_point> said_;  // when the guest said that its program has ended
  int said_status_ = 0;
  bool said_oom_ = false;  // by then
  std::string note_;
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
