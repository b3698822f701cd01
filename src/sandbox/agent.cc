#include "sandbox/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>

#include "base/sys.h"
#include "os/message_socket.h"
#include "os/signals.h"
#include "sandbox/child_watch.h"
#include "sandbox/container_memory.h"
#include "sandbox/enclosure.h"
#include "sandbox/guest/words.h"
#include "sandbox/guest_command.h"
#include "sandbox/guest_line.h"
#include "sandbox/handing_out.h"
#include "sandbox/memory_watch.h"
#include "sandbox/own_zygote.h"
#include "sandbox/placing.h"
#include "sandbox/product.h"
#include "sandbox/run_messages.h"
#include "sandbox/standstill.h"
#include "sandbox/state_words.h"
#include "sandbox/wire.h"
#include "sandbox/workspace.h"

namespace ci::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto soft_grace = std::chrono::milliseconds(300);  // between the soft signal and the kill
constexpr auto dying_time = std::chrono::seconds(2);         // of what was killed
constexpr auto memory_check = std::chrono::milliseconds(100);
constexpr auto capture_grace = std::chrono::seconds(1);  // between the word to stop writing the state and the kill
constexpr int looks_for_leaving = 40;                    // after the last word of a guest, with …
constexpr useconds_t between_looks = 50;                 // … so many microseconds in between

class Agent {
 public:
  Agent(const AgentPlan& plan, AgentDescriptors descriptors, const SeccompFilter& filter)
      : plan_(plan),
        fds_(std::move(descriptors)),
        filter_(filter),
        line_(std::move(fds_.go), std::move(fds_.said)),
        memory_(fds_.memory),
        still_(fds_.freezer) {}

  void run() {
    wait_for_maps();
    make_enclosure(plan_);
    open_what_is_ours();
    bear_guest();
    wait_for_guest();
    // Only now: a zygote may enter the namespaces of a process only while it could trace it (setns(2)), and this ends that.
    // Until the word to go the guest's process runs nothing but our code.
    give_up_rights(plan_);
    children_.begin();
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
    leave();
  }

  // Our end is that of the sandbox. Those who stand still would not end.
  [[noreturn]] void leave() noexcept {
    if (still_.holds() || plan_.isolation.contained()) still_.kill_all();
    ::_exit(0);
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
    workspace_ =
        UniqueFd(sys("opening the workspace", [&] { return ::open(workspace, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    memory_.open();
    if (fds_.finished) {
      sys("telling the zygote", [&] { return ::write(fds_.finished.get(), "m", 1); });
      fds_.finished.reset();
    }
  }

  // The guest's process is born before we change our own user: version 1 cgroups let only a process of the same
  // user be moved, and the move must come before any code that could allocate.
  void bear_guest() {
    if (plan_.birth == Birth::adopted) {
      if (plan_.isolation.contained()) zygotes_ = bear_by_own_zygote(plan_, fds_);
      return;
    }
    const pid_t child = static_cast<pid_t>(sys("starting the guest", [&] { return ::fork(); }));
    if (child == 0) run_guest(plan_, fds_, filter_);
  }

  void wait_for_guest() {
    // Our copies would keep the streams open after the guest is gone.
    for (UniqueFd* fd : {&fds_.guest_go, &fds_.guest_said, &fds_.out, &fds_.err}) fd->reset();
    guest_ = line_.wait_until_ready();
    zygotes_.reset();
    if (plan_.isolation.contained()) {
      still_.set_group(guest_);
      memory_.watch_group(guest_, plan_.first_memory_bytes, plan_.processes);
    }
    // Opened while we may still see it; /proc hides others' processes from what we are about to become.
    const std::string path = "/proc/" + std::to_string(guest_) + "/status";
    guest_state_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }

  // --- the program -------------------------------------------------------------------------------------------------

  // False when the guest ends before the server has a program for it: our own end then tells the server, which would
  // else give a dead sandbox to somebody.
  bool wait_for_server() {
    for (;;) {
      if (reap_until_guest_ends()) return false;
      pollfd waiting[] = {{fds_.control.get(), POLLIN, 0}, {children_.descriptor(), POLLIN, 0}};
      ::poll(waiting, 2, -1);
      if (waiting[0].revents != 0) return true;
      children_.drain();
    }
  }

  // Places what is sent until the word to start; false when the server let go of us instead.
  bool take_program() {
    os::Message message;
    if (!wait_for_server()) return false;
    while (os::receive_message(fds_.control.get(), message) == os::Received::message) {
      if (!begun_) {
        begun_ = Clock::now();
        time_of_others_ = processor_time_of_children();
      }
      Reader reader(message.payload);
      if (reader.tag() == Tag::put) {
        place_files(workspace_.get(), reader, message.descriptors, plan_.source_name, placed_);
        continue;
      }
      if (reader.tag() == Tag::program) {
        CHECK(message.descriptors.size() == 1 && !plan_.compile.empty());
        place_product(message.descriptors.front().get(), plan_.compile.program, guest_id);
        continue;
      }
      CHECK(reader.tag() == Tag::start);
      order_ = read_start(reader);
      CHECK(message.descriptors.size() == 1 + order_.passed.size());
      // It hears us in its own language, which knows of no descriptors.
      if (plan_.birth == Birth::started && !order_.passed.empty()) {
        throw Failure(FailureKind::invalid, "a program of this language can have no calls and no state");
      }
      compiling_ = order_.compile_limit > 0;
      state_.expect(order_.state != StateKept::no);
      placing_ended_ = Clock::now();
      clock_.begin(placing_ended_, std::chrono::milliseconds(compiling_ ? order_.compile_limit : order_.time_limit));
      memory_.begin(placing_ended_);
      arguments_ = std::move(message.descriptors.front());
      passed_.assign(
          std::make_move_iterator(message.descriptors.begin() + 1), std::make_move_iterator(message.descriptors.end()));
      if (compiling_ && !plan_.compile.empty())
        line_.say(words::build);
      else
        say_go();
      return true;
    }
    return false;
  }

  void say_go() {
    // What only the compiler may have, or what is more than this run may have.
    const bool less = order_.memory > 0 && order_.memory < plan_.memory_bytes;
    const std::uint64_t left = less ? order_.memory : plan_.memory_bytes;
    if ((less || !plan_.compile.empty()) && !memory_.lower(fds_.memory_limits, left)) return;
    for (size_t i = 0; i < passed_.size(); ++i) {
      const int descriptors[] = {passed_[i].get()};
      line_.say(order_.passed[i], descriptors);
    }
    passed_.clear();
    line_.say(order_.state == StateKept::after_errors ? words::go_keep_after_errors : words::go);
    line_.say_arguments(std::move(arguments_));
  }

  void run_program() {
    const auto hear_guest = [this](Clock::time_point now) {
      return line_.hear([this, now](char word) { hear(word, now); });
    };
    while (!reap_until_guest_ends() && !has_left()) {
      const auto now = Clock::now();
      if (memory_.exhausted()) break;
      if (kill_at_ && now >= *kill_at_) break;
      if (!kill_at_ && interrupted_ && !said_) warn(now);
      if (!kill_at_ && now >= clock_.end()) {
        if (said_) {
          stop_writing(now);
        } else {
          timed_out_ = true;
          warn(now);
        }
      }
      auto next = std::min(kill_at_.value_or(clock_.end()), now + memory_check);
      if (still_.holds()) next = Clock::time_point::max();  // nothing happens in it
      if (children_.has_more()) next = now;
      pollfd waiting[] = {
          {children_.descriptor(), POLLIN, 0},
          {fds_.control.get(), POLLIN, 0},
          {line_.to_hear(), POLLIN, 0},
          {line_.to_say(), POLLOUT, 0}};
      const auto time = std::chrono::ceil<std::chrono::milliseconds>(next - now);
      ::poll(
          waiting, 4,
          next == Clock::time_point::max() ? -1 : static_cast<int>(std::max<std::int64_t>(0, time.count())));
      if (waiting[1].revents != 0 && !hear_server(Clock::now())) leave();
      if (waiting[2].revents != 0) hear_guest(Clock::now());
      if (waiting[3].revents != 0) line_.say_more();
      children_.drain();
    }
    const auto end = Clock::now();
    end_everything();
    killed_ = Clock::now();
    // Only now: whoever could go on talking is dead.
    dead_ = true;
    while (state_.expected() && hear_guest(end)) {
    }
    ended_ = said_.value_or(end);
    if (!said_) program_time_ = clock_.spent(end);
  }

  // False when it has let go of us.
  bool hear_server(Clock::time_point now) {
    os::Message message;
    if (os::receive_message(fds_.control.get(), message) != os::Received::message) return false;
    Reader reader(message.payload);
    if (reader.tag() == Tag::interrupt) {
      interrupted_ = true;
      if (said_) still_.end(now);  // its own end is near
    } else if (reader.tag() == Tag::freeze && !kill_at_) {
      still_.begin(now);
      send(Writer(Tag::stands).number(memory_.peak()));
    } else if (reader.tag() == Tag::thaw) {
      still_.end(now);
      send(Writer(Tag::stands).number<std::uint64_t>(0));
      if (!reader.at_end() && !said_) clock_.set_left(now, std::chrono::milliseconds(reader.number<std::uint64_t>()));
    }
    return true;
  }

  // The soft signal, and everything's end a moment later.
  void warn(Clock::time_point now) {
    ::kill(-guest_, soft_signal());
    still_.end(now);
    kill_at_ = now + soft_grace;
  }

  // What is written of the state by then is all, and the guest may still tell the user so.
  void stop_writing(Clock::time_point now) {
    ::kill(guest_, SIGALRM);
    still_.end(now);
    kill_at_ = now + capture_grace;
  }

  void hear(char word, Clock::time_point now) {
    const bool of_state = said_ || state_.status_follows();
    if (!of_state && (word == words::compiled || word == words::compiled_silently) && compiling_ && !timed_out_ &&
        !dead_) {
      if (word == words::compiled_silently) hand_out_product();
      compiling_ = false;
      compile_time_ = clock_.spent(now);
      clock_.begin(now, std::chrono::milliseconds(order_.time_limit));
      if (arguments_) say_go();  // it waited for the word
    } else if (state_.hear(word, !timed_out_)) {
      said_oom_ = memory_.exhausted();
      said_ = now;
      program_time_ = clock_.spent(now);
      clock_.begin(now, time_to_capture(clock_.left(now)));
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
    guest_status_ = children_.reap_until(guest_);
    return guest_status_.has_value();
  }

  // The guest has said its last word, and the kernel takes it and all others down: none of them can do anything any more, and there
  // is no need to wait until their memory is free: of an interpreter with large libraries that takes as long as a small program. Only
  // where all of them are one process group can this be seen.
  bool has_left() {
    if (!plan_.isolation.contained() || looked_ || !said_ || line_.to_hear() >= 0) return false;
    looked_ = true;
    for (int look = 0; look < looks_for_leaving && !left_; ++look) {
      if (look > 0) ::usleep(between_looks);
      if (!is_leaving(guest_)) continue;
      const auto status = status_of_leaving(guest_);
      left_ = status && *status == W_EXITCODE(*state_.status(), 0);
      if (left_) guest_status_ = status;
    }
    return left_;
  }

  // One step that no fork can outrun: nothing of the program runs afterwards.
  void end_everything() {
    memory_.exhausted();
    if (!left_) reap_everything();
  }

  // What the kernel has to take down of what was killed can be made to take long, and is waited for only so long; the rest ends with us.
  void reap_everything() {
    const auto patience_ends = Clock::now() + dying_time;
    for (;;) {
      still_.kill_all();
      children_.drain();
      int status;
      pid_t pid;
      while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == guest_ && !guest_status_) guest_status_ = status;
      }
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(patience_ends - Clock::now());
      if ((pid < 0 && errno == ECHILD) || left.count() <= 0) break;
      pollfd waiting = {children_.descriptor(), POLLIN, 0};
      ::poll(&waiting, 1, static_cast<int>(left.count()));
    }
  }

  // --- afterwards --------------------------------------------------------------------------------------------------

  void tell_the_end() {
    int status = guest_status_.value_or(SIGKILL);  // as wait(2) will say once it is gone
    RunReport report;
    report.out_of_memory = memory_.exhausted();
    if (said_) {
      // Whatever happened after the end of the program is not its fate.
      report.out_of_memory = said_oom_;
      const int said = W_EXITCODE(*state_.status(), 0);
      report.state_captured = status == said;
      if (!WIFEXITED(status)) status = said;
    }
    report.timed_out = timed_out_;
    report.interrupted = interrupted_ && !said_;
    report.status = status;
    report.wall_time = microseconds(program_time_);
    report.cpu_time = processor_time_of_children() - time_of_others_ + (left_ ? processor_time_of(guest_) : 0);
    report.peak_memory = memory_.peak();
    report.placing = microseconds(placing_ended_ - *begun_);
    report.reaping = microseconds(killed_ - ended_);
    report.while_compiling = compiling_;
    report.compile_time = microseconds(compile_time_);
    report.state_unusable = state_.unusable();
    report.state_note = state_.note();
    report.unplaced = placed_.unplaced;
    os::send_message(fds_.control.get(), report_message(report));
  }

  void wait_for_end() {
    os::Message message;
    while (os::receive_message(fds_.control.get(), message) == os::Received::message) {
    }
    if (left_) reap_everything();  // the next sandbox gets the memory of this one
  }

  void send(const Writer& writer) { os::send_message(fds_.control.get(), writer.bytes()); }

  const AgentPlan& plan_;
  AgentDescriptors fds_;
  const SeccompFilter& filter_;
  GuestLine line_;
  MemoryWatch memory_;
  std::unique_ptr<ZygoteTree> zygotes_;  // its own, until the guest is there
  UniqueFd workspace_, guest_state_;
  ChildWatch children_;
  StartOrder order_;
  UniqueFd arguments_;            // until they are said
  std::vector<UniqueFd> passed_;  // descriptors for the guest, until it gets them
  PlacedInputs placed_;
  bool dead_ = false;
  pid_t guest_ = -1;
  std::optional<int> guest_status_;
  bool left_ = false, looked_ = false;  // has_left()
  std::uint64_t time_of_others_ = 0;    // that made the guest, in microseconds
  std::optional<Clock::time_point> begun_;
  Clock::time_point placing_ended_, ended_, killed_;
  Standstill still_;
  RunClock& clock_ = still_.clock();  // of the program, or of its compiler while compiling_; or of writing its state
  Clock::duration compile_time_{0}, program_time_{0};
  std::optional<Clock::time_point> kill_at_;  // it has had the soft signal
  bool timed_out_ = false, interrupted_ = false, compiling_ = false;
  StateWords state_;
  std::optional<Clock::time_point> said_;  // when the guest said that its program has ended
  bool said_oom_ = false;                  // by then
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
