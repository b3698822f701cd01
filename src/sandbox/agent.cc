#include "sandbox/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <optional>

#include "base/relative_path.h"
#include "base/sys.h"
#include "os/message_socket.h"
#include "os/signals.h"
#include "sandbox/enclosure.h"
#include "sandbox/guest/words.h"
#include "sandbox/guest_command.h"
#include "sandbox/guest_line.h"
#include "sandbox/handing_out.h"
#include "sandbox/memory_watch.h"
#include "sandbox/product.h"
#include "sandbox/run_messages.h"
#include "sandbox/wire.h"
#include "sandbox/workspace.h"

namespace ci::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto soft_grace = std::chrono::milliseconds(300);  // between the soft signal and the kill
constexpr auto memory_check = std::chrono::milliseconds(100);
constexpr auto capture_limit = std::chrono::seconds(10);  // of writing a session's state, after the program's time
constexpr size_t longest_note = 1000;
constexpr int reaped_at_once = 256;  // a program can have children that end as quickly as we look

std::uint64_t microseconds(Clock::duration time) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

std::uint64_t microseconds(const timeval& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000 + static_cast<std::uint64_t>(time.tv_usec);
}

class Agent {
 public:
  Agent(const AgentPlan& plan, AgentDescriptors descriptors, const SeccompFilter& filter)
      : plan_(plan),
        fds_(std::move(descriptors)),
        filter_(filter),
        line_(std::move(fds_.go), std::move(fds_.said)),
        memory_(fds_.memory) {}

  void run() {
    wait_for_maps();
    make_enclosure(plan_);
    open_what_is_ours();
    bear_guest();
    wait_for_guest();
    // Only now: a zygote may enter the namespaces of a process only while it could trace it (setns(2)), and this ends that.
    // Until the word to go the guest's process runs nothing but our code.
    give_up_rights(plan_);
    watch_for_children();
    send(Writer(Tag::ready).number(memory_.peak()));
    if (!take_program()) return;
    run_program();
    tell_the_end();
    placed_.source_name = plan_.source_name;
    hand_out_files(fds_.control.get(), workspace_.get(), {order_.largest_file, order_.files}, placed_);
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

  void open_what_is_ours() {
    workspace_ = UniqueFd(sys("opening the workspace", [&] { return ::open(workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    memory_.open_netlink();
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

  void wait_for_guest() {
    // Our copies would keep the streams open after the guest is gone.
    for (UniqueFd* fd : {&fds_.guest_go, &fds_.guest_said, &fds_.out, &fds_.err}) fd->reset();
    guest_ = line_.wait_until_ready();
    // Opened while we may still see it; /proc hides others' processes from what we are about to become.
    const std::string path = "/proc/" + std::to_string(guest_) + "/status";
    guest_state_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }

  void watch_for_children() {
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    signals_ = UniqueFd(sys("watching for children", [&] { return ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK); }));
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
      order_ = read_start(reader);
      compiling_ = order_.compile_limit > 0;
      with_state_ = order_.state != StateKept::no;
      placing_ended_ = started_ = Clock::now();
      memory_.begin(started_);
      arguments_ = std::move(message.descriptors.front());
      state_files_.assign(
          std::make_move_iterator(message.descriptors.begin() + 1), std::make_move_iterator(message.descriptors.end()));
      if (compiling_ && !plan_.compile.empty()) line_.say(words::build);
      else say_go();
      return true;
    }
    return false;
  }

  // A program goes without an input that there is no room for. It cannot go without itself.
  void place(const RelativePath& name, int file, bool read_only) {
    if (const auto placed = place_file(workspace_.get(), name, file, read_only, guest_id)) {
      placed_.files[name.text()] = *placed;
    } else {
      if (name.text() == plan_.source_name) throw Failure(FailureKind::exhausted, "there is no room for the program");
      if (placed_.unplaced.size() < most_numbers) placed_.unplaced.push_back(static_cast<std::uint32_t>(placed_.names.size()));
    }
    placed_.names.push_back(name);
  }

  void say_go() {
    const bool less = order_.memory > 0 && order_.memory < plan_.memory_bytes;
    if ((less || !plan_.compile.empty()) && !take_back_memory(less ? order_.memory : plan_.memory_bytes)) return;
    std::vector<int> passed;
    for (const UniqueFd& file : state_files_) passed.push_back(file.get());
    line_.say(order_.state == StateKept::after_errors ? words::go_keep_after_errors : words::go, passed);
    state_files_.clear();
    line_.say_arguments(std::move(arguments_));
  }

  // What only the compiler may have, or what is more than this run may have. The compiler may have left something running that needs it: that would be the program's.
  bool take_back_memory(std::uint64_t left) {
    const std::string bytes = std::to_string(left);
    const bool taken = std::ranges::all_of(
        fds_.memory_limits, [&](int limit) { return ::write(limit, bytes.data(), bytes.size()) > 0; });
    if (!taken) memory_.set_exhausted();
    return taken;
  }

  void run_program() {
    std::optional<Clock::time_point> kill_at;
    const auto hear_guest = [this](Clock::time_point now) { return line_.hear([this, now](char word) { hear(word, now); }); };
    while (!reap_until_guest_ends()) {
      const auto now = Clock::now();
      if (memory_.exhausted()) break;
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
          {line_.to_hear(), POLLIN, 0},
          {line_.to_say(), POLLOUT, 0}};
      const auto time = std::chrono::ceil<std::chrono::milliseconds>(next - now);
      ::poll(waiting, 4, static_cast<int>(std::max<std::int64_t>(0, time.count())));
      if (waiting[1].revents != 0 && !hear_server()) ::_exit(0);
      if (waiting[2].revents != 0) hear_guest(Clock::now());
      if (waiting[3].revents != 0) line_.say_more();
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
    return started_ + std::chrono::milliseconds(compiling_ ? order_.compile_limit : order_.time_limit);
  }

  void hear(char word, Clock::time_point now) {
    if (said_) {
      if (note_.size() < longest_note) note_ += word;
    } else if (status_follows_) {
      said_oom_ = memory_.exhausted();
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
    if (order_.largest_product == 0 || !arguments_ || plan_.compile.empty()) return;
    const UniqueFd product = take_product(plan_.compile.program, order_.largest_product);
    const int descriptors[] = {product.get()};
    if (product) os::send_message(fds_.control.get(), Writer(Tag::product).bytes(), descriptors);
  }

  // SIGTERM for a program that has a handler for it. For others SIGINT, which by default ends a program as well, and
  // makes Python say where it was.
  int soft_signal() const { return os::catches(guest_state_.get(), SIGTERM) ? SIGTERM : SIGINT; }

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

  // kill(2) with -1 reaches every process of the namespace but ourselves, in one step that no fork can outrun: a fork
  // with a signal pending fails.
  void end_everything() {
    memory_.exhausted();
    for (;;) {
      ::kill(-1, SIGKILL);
      int status;
      const pid_t pid = ::waitpid(-1, &status, 0);
      if (pid == guest_ && !guest_status_) guest_status_ = status;
      if (pid < 0 && errno == ECHILD) break;
    }
  }

  // --- afterwards --------------------------------------------------------------------------------------------------

  void tell_the_end() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    int status = guest_status_.value_or(0);
    RunReport report;
    report.out_of_memory = memory_.exhausted();
    if (said_) {
      // Whatever happened after the end of the program is not its fate.
      report.out_of_memory = said_oom_;
      const int said = W_EXITCODE(said_status_, 0);
      report.state_captured = status == said;
      if (!WIFEXITED(status)) status = said;
    }
    report.timed_out = timed_out_;
    report.interrupted = interrupted_ && !said_;
    report.status = status;
    report.wall_time = microseconds(ended_ - started_);
    report.cpu_time = microseconds(usage.ru_utime) + microseconds(usage.ru_stime);
    report.peak_memory = memory_.peak();
    report.placing = microseconds(placing_ended_ - *begun_);
    report.reaping = microseconds(killed_ - ended_);
    report.while_compiling = compiling_;
    report.compile_time = microseconds(compile_time_);
    report.state_unusable = state_unusable_;
    report.state_note = note_;
    report.unplaced = placed_.unplaced;
    os::send_message(fds_.control.get(), report_message(report));
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
  GuestLine line_;
  MemoryWatch memory_;
  UniqueFd workspace_, signals_, guest_state_;
  StartOrder order_;
  UniqueFd arguments_;  // until they are said
  std::vector<UniqueFd> state_files_;
  PlacedInputs placed_;
  bool more_to_reap_ = false, dead_ = false;
  pid_t guest_ = -1;
  std::optional<int> guest_status_;
  std::optional<Clock::time_point> begun_;
  Clock::time_point placing_ended_, started_, ended_, killed_;  // started: the program, or its compiler while compiling_
  Clock::duration compile_time_{0};
  bool timed_out_ = false, interrupted_ = false, compiling_ = false;
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
