#include "pool/local/local_lease.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>

#include "base/sys.h"
#include "os/message_socket.h"
#include "os/source_file.h"
#include "pool/local/calls.h"
#include "pool/local/inputs.h"
#include "sandbox/guest/words.h"
#include "sandbox/run_messages.h"
#include "sandbox/wire.h"

namespace ci::pool {

namespace {

using sandbox::Reader;
using sandbox::Tag;
using sandbox::Writer;

constexpr long tmpfs_magic = 0x01021994;  // statfs(2)

// The guest chose the name and made the file; the agent opened it. Believe neither: a regular file on a memory file system
// (every host file that a sandbox can see is on another, and no hard link leads from one to another), of the size that was
// announced.
bool is_safe(int fd, std::uint64_t size, std::optional<dev_t> device) {
  struct stat info{};
  struct statfs system{};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && static_cast<std::uint64_t>(info.st_size) == size &&
         ::fstatfs(fd, &system) == 0 && (device ? info.st_dev == *device : system.f_type == tmpfs_magic) &&
         (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

class LocalLease final : public Lease {
 public:
  LocalLease(
      std::unique_ptr<Channel> channel, std::string source_name, Warm warm, asio::thread_pool& blocking,
      std::optional<dev_t> device, Holds holds, EndSandbox end)
      : channel_(std::move(channel)),
        blocking_(blocking),
        source_name_(std::move(source_name)),
        warm_(warm),
        device_(device),
        holds_(std::move(holds)),
        end_(std::move(end)) {}

  ~LocalLease() override {
    holds_(0);
    end_(std::move(channel_), finished_);
  }

  bool waits() override { return channel_->waits(); }
  bool was_warm() const override { return warm_ == Warm::yes; }

  awaitable<void> start(Program program) override {
    co_await inputs_.place(source_name_, program.code, program.inputs);
    std::string arguments;
    for (const std::string& argument : program.arguments) {
      arguments += argument;
      arguments += '\0';
    }
    if (program.compiled) {
      std::vector<UniqueFd> made;
      UniqueFd file = co_await os::file_of(*program.compiled);
      made.push_back(std::move(file));
      const Writer message(Tag::program);
      co_await channel_->send(message.bytes(), std::move(made));
    }
    largest_compiled_ = program.largest_compiled;
    sandbox::StartOrder order;
    order.time_limit = static_cast<std::uint64_t>(program.time_limit.count());
    order.compile_limit = static_cast<std::uint64_t>(program.compile_limit.count());
    order.memory = program.memory_limit;
    order.largest_file = program.output_file_limit;
    order.files = program.output_file_count;
    order.largest_product = program.largest_compiled;
    std::vector<UniqueFd> words;
    UniqueFd arguments_file = co_await memory_file_of(blocking_, "arguments", arguments);
    words.push_back(std::move(arguments_file));
    const auto pass = [&](char name, UniqueFd descriptor) {
      order.passed += name;
      words.push_back(std::move(descriptor));
    };
    if (program.state) {
      order.state = program.state->after_errors ? sandbox::StateKept::after_errors : sandbox::StateKept::after_success;
      state_ = os::sized_memory_file("state", program.state->largest + 1);
      const int left = state_.get();
      pass(
          sandbox::words::state_after,
          UniqueFd(sys("passing on a file", [&] { return ::fcntl(left, F_DUPFD_CLOEXEC, 0); })));
      if (program.state->before) {
        UniqueFd before = co_await os::file_of(*program.state->before);
        pass(sandbox::words::state_before, std::move(before));
      }
    }
    if (program.calls) {
      calls_.emplace(co_await asio::this_coro::executor);
      pass(sandbox::words::calls, calls_->take_calls_end());
      pass(sandbox::words::answers, calls_->take_answers_end());
    }
    co_await channel_->send(sandbox::start_message(order), std::move(words));
  }

  awaitable<Event> next() override {
    while (ready_.empty()) {
      // A guest with many processes fills the streams as quickly as we read them. Others have their turn, too.
      if (has_read_) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
      has_read_ = read();
      if (!has_read_) co_await wait_for_something();
    }
    Event event = std::move(ready_.front());
    ready_.pop_front();
    co_return event;
  }

  awaitable<void> tell(Word word) override {
    if (ended_) co_return;
    if (const auto* answer = std::get_if<Answer>(&word)) {
      if (!calls_) co_return;
      calls_->answer(*answer);
      if (calls_->to_write() != nullptr) channel_->wake();  // next() waits for room
      co_return;
    }
    Writer message(Tag::interrupt);
    if (std::holds_alternative<Freeze>(word)) message = Writer(Tag::freeze);
    if (const auto* thaw = std::get_if<Thaw>(&word)) {
      message = Writer(Tag::thaw);
      if (thaw->time_limit) message.number(static_cast<std::uint64_t>(thaw->time_limit->count()));
    }
    std::vector<UniqueFd> nothing;
    co_await channel_->send(message.bytes(), std::move(nothing));
  }

 private:
  // False when nothing is there. The end of the streams is not waited for: a guest can leave them open in places that
  // outlive its processes for a while, a socket in flight for one.
  bool read() {
    if (take_output()) return true;
    if (calls_ && take_calls()) return true;
    os::Message message;
    const auto received = channel_->try_receive(message);
    if (received == os::Received::would_block) return false;
    take(received == os::Received::closed ? nullptr : &message);
    return true;
  }

  // Both: one that is always full must not hide the other.
  bool take_output() {
    const bool out = take(channel_->out(), Stream::out, out_open_), err = take(channel_->err(), Stream::err, err_open_);
    return out || err;
  }

  // What was printed before a call comes before it.
  bool take_calls() {
    calls_->write();
    std::vector<Call> calls;
    const bool something = calls_->read(calls);
    if (!calls.empty()) take_output();
    for (Call& call : calls) ready_.push_back(std::move(call));
    return something;
  }

  awaitable<void> wait_for_something() {
    using Descriptor = asio::posix::stream_descriptor;
    const auto possible = [](Descriptor& stream, Descriptor::wait_type what) {
      return stream.async_wait(what, asio::deferred);
    };
    std::vector<decltype(possible(channel_->out(), Descriptor::wait_read))> waits;
    if (out_open_) waits.push_back(possible(channel_->out(), Descriptor::wait_read));
    if (err_open_) waits.push_back(possible(channel_->err(), Descriptor::wait_read));
    if (calls_ && calls_->to_read() != nullptr) waits.push_back(possible(*calls_->to_read(), Descriptor::wait_read));
    if (calls_ && calls_->to_write() != nullptr) waits.push_back(possible(*calls_->to_write(), Descriptor::wait_write));
    waits.push_back(possible(channel_->control(), Descriptor::wait_read));
    auto race = asio::experimental::make_parallel_group(std::move(waits));
    co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  }

  // True when something was read or the stream ended.
  bool take(asio::posix::stream_descriptor& from, Stream stream, bool& open) {
    if (!open) return false;
    std::array<char, 64 << 10> buffer;
    const ssize_t got = ::read(from.native_handle(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
      open = false;
      return true;
    }
    ready_.push_back(Output(stream, std::string(buffer.data(), static_cast<size_t>(got))));
    return true;
  }

  // Null: the agent is gone.
  void take(os::Message* message) {
    if (message == nullptr) {
      if (!ended_) {
        Outcome lost;
        lost.ended = Ended::lost;
        end(std::move(lost));
      }
      ready_.push_back(Collected());
      return;
    }
    Reader reader(message->payload);
    switch (reader.tag()) {
      case Tag::ended: {
        Outcome outcome = outcome_of(sandbox::read_report(reader));
        if (outcome.state_captured)
          ready_.push_back(StateLeft(std::make_unique<FileSource>(std::move(state_), blocking_)));
        end(std::move(outcome));
        break;
      }
      case Tag::file:
        for (UniqueFd& fd : message->descriptors) {
          std::string name = reader.text();
          const auto size = reader.number<std::uint64_t>();
          const bool written = reader.number<std::uint8_t>() != 0;
          if (name.empty() || name.contains('\0') || !is_safe(fd.get(), size, device_)) continue;
          auto contents = std::make_unique<FileSource>(std::move(fd), blocking_);
          ready_.push_back(OutputFile(std::move(name), std::move(contents), size, written));
        }
        break;
      case Tag::stands:
        holds_(reader.number<std::uint64_t>());
        break;
      case Tag::product:
        take_product(std::move(message->descriptors));
        break;
      case Tag::collected: {
        reader.number<std::uint64_t>();
        ready_.push_back(read_collected(reader));
        finished_ = Finished::yes;
        break;
      }
      case Tag::failed:
        throw Failure(FailureKind::unavailable, "the sandbox failed: " + reader.text());
      default:
        throw Failure(FailureKind::internal, "an unexpected message from a sandbox");
    }
  }

  // What was written by now is there, and who wrote it is dead.
  void end(Outcome outcome) {
    while (take_output()) {
    }
    out_open_ = err_open_ = false;
    calls_.reset();
    ended_ = true;
    ready_.push_back(std::move(outcome));
  }

  // Others will run it: nobody, not even who made it, may be able to change it any more.
  void take_product(std::vector<UniqueFd> descriptors) {
    constexpr int sealed = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    struct stat info{};
    if (descriptors.size() != 1 || ::fcntl(descriptors.front().get(), F_GET_SEALS) != sealed ||
        ::fstat(descriptors.front().get(), &info) != 0) {
      throw Failure(FailureKind::internal, "a sandbox handed out a program that could change");
    }
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size > largest_compiled_) return;
    ready_.push_back(Compiled(std::make_unique<FileSource>(std::move(descriptors.front()), blocking_), size));
  }

  void add_name(std::vector<std::string>& to, std::uint32_t number) const {
    if (number < inputs_.names().size()) to.push_back(inputs_.names()[number]);
  }

  Collected read_collected(Reader& reader) const {
    Collected collected;
    collected.complete = reader.number<std::uint8_t>() != 0;
    for (std::uint32_t& count : collected.skipped_files) count = reader.number<std::uint32_t>();
    for (auto left = reader.number<std::uint32_t>(); left > 0; --left) {
      const auto reason = reader.number<std::uint8_t>();
      const auto files = reader.number<std::uint32_t>();
      std::string name = reader.text();
      if (reason < left_out_reasons)
        collected.skipped.emplace_back(std::move(name), static_cast<LeftOut>(reason), files);
    }
    while (!reader.at_end()) add_name(collected.gone, reader.number<std::uint32_t>());
    return collected;
  }

  Outcome outcome_of(const sandbox::RunReport& report) const {
    Outcome outcome;
    outcome.wall_time = std::chrono::microseconds(report.wall_time);
    outcome.cpu_time = std::chrono::microseconds(report.cpu_time);
    outcome.peak_memory = report.peak_memory;
    outcome.while_compiling = report.while_compiling;
    outcome.compile_time = std::chrono::microseconds(report.compile_time);
    outcome.state_captured = report.state_captured;
    outcome.state_unusable = report.state_unusable;
    outcome.state_note = report.state_note;
    for (const std::uint32_t number : report.unplaced) add_name(outcome.unplaced, number);
    outcome.steps.emplace_back("place", report.placing);
    if (report.compile_time > 0) outcome.steps.emplace_back("compile", report.compile_time);
    outcome.steps.emplace_back(report.while_compiling ? "compile" : "program", report.wall_time);
    outcome.steps.emplace_back("reap", report.reaping);
    if (WIFSIGNALED(report.status)) {
      outcome.ended = Ended::signalled;
      outcome.signal = WTERMSIG(report.status);
    } else {
      outcome.exit_code = WEXITSTATUS(report.status);
    }
    if (report.timed_out) outcome.ended = Ended::timed_out;
    if (report.interrupted) outcome.ended = Ended::interrupted;
    if (report.out_of_memory) outcome.ended = Ended::out_of_memory;
    return outcome;
  }

  std::unique_ptr<Channel> channel_;
  asio::thread_pool& blocking_;
  Inputs inputs_{*channel_, blocking_};
  std::optional<Calls> calls_;
  std::string source_name_;
  Warm warm_;
  std::optional<dev_t> device_;
  Holds holds_;
  EndSandbox end_;
  UniqueFd state_;  // what the program leaves for later runs of its session
  std::deque<Event> ready_;
  std::uint64_t largest_compiled_ = 0;
  bool out_open_ = true, err_open_ = true, ended_ = false, has_read_ = false;
  Finished finished_ = Finished::no;
};

}  // namespace

std::unique_ptr<Lease> make_local_lease(
    std::unique_ptr<Channel> channel, std::string source_name, Warm warm, asio::thread_pool& blocking,
    std::optional<dev_t> device, Holds holds, EndSandbox end) {
  return std::make_unique<LocalLease>(
      std::move(channel), std::move(source_name), warm, blocking, device, std::move(holds), std::move(end));
}

}  // namespace ci::pool
