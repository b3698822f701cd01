#include "pool/local/local_lease.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include "base/parallel.h"
#include "base/sys.h"
#include "sandbox/run_messages.h"
#include "sandbox/wire.h"

namespace ci::pool {

namespace {

using sandbox::Reader;
using sandbox::Tag;
using sandbox::Writer;

constexpr long tmpfs_magic = 0x01021994;      // statfs(2)
constexpr size_t gathered_at_once = 16;
constexpr std::uint64_t largest_gathered = 256 << 10;
constexpr size_t source_piece = 256 << 10;

// The guest chose the name and made the file; the agent opened it. Believe neither: a regular file on a memory file system
// (every host file that a sandbox can see is on another, and no hard link leads from one to another), of the size that was
// announced.
bool is_safe(int fd, std::uint64_t size) {
  struct stat info {};
  struct statfs system {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
         static_cast<std::uint64_t>(info.st_size) == size && ::fstatfs(fd, &system) == 0 && system.f_type == tmpfs_magic &&
         (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

// Files of one message: no more than `gathered_at_once`, so their names fit.
struct Puts {
  Puts() = default;
  Writer message{Tag::put};
  std::vector<UniqueFd> files;
  std::vector<std::string> names;

  void add(const InputFile& input, UniqueFd file) {
    message.number<std::uint8_t>(input.read_only).text(input.name.text());
    files.push_back(std::move(file));
    names.push_back(input.name.text());
  }
};

class LocalLease final : public Lease {
 public:
  LocalLease(
      std::unique_ptr<Channel> channel, std::string source_name, Warm warm, asio::thread_pool& blocking, EndSandbox end)
      : channel_(std::move(channel)), source_name_(std::move(source_name)), warm_(warm), blocking_(blocking), end_(std::move(end)) {}

  ~LocalLease() override { end_(std::move(channel_), finished_); }

  bool waits() override { return channel_->waits(); }
  bool was_warm() const override { return warm_ == Warm::yes; }

  awaitable<void> start(Program program) override {
    const auto source = RelativePath::parse(source_name_);
    CHECK(source.has_value());
    // First, so that there is room for it, however many inputs there are.
    InputFile text(*source, nullptr, program.code.size(), false);
    UniqueFd code = os::memory_file("code", program.code);
    Puts first;
    first.add(text, std::move(code));
    co_await send(std::move(first));
    // The program's own text is there.
    std::erase_if(program.inputs, [&](const InputFile& input) { return input.name == *source; });
    co_await place(program.inputs);

    std::string arguments;
    for (const std::string& argument : program.arguments) {
      arguments += argument;
      arguments += '\0';
    }
    if (program.compiled) {
      std::vector<UniqueFd> made;
      made.push_back(std::move(program.compiled));
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
    words.push_back(os::memory_file("arguments", arguments));
    if (program.state) {
      order.state = program.state->after_errors ? sandbox::StateKept::after_errors : sandbox::StateKept::after_success;
      words.push_back(std::move(program.state->after));
      if (program.state->before) words.push_back(std::move(program.state->before));
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
    if (!std::holds_alternative<Interrupt>(word)) throw Failure(FailureKind::internal, "a sandbox cannot be told this yet");
    const Writer message(Tag::interrupt);
    std::vector<UniqueFd> nothing;
    co_await channel_->send(message.bytes(), std::move(nothing));
  }

 private:
  // Small files are opened and read a few at a time. Of the large ones one is open at a time and is never held whole:
  // many runs, each with some open and in want of others, could wait for each other for ever.
  awaitable<void> place(std::vector<InputFile>& inputs) {
    std::vector<InputFile*> small, large;
    for (InputFile& input : inputs) (input.size <= largest_gathered ? small : large).push_back(&input);
    for (size_t begin = 0; begin < small.size(); begin += gathered_at_once) {
      const size_t count = std::min(gathered_at_once, small.size() - begin);
      std::vector<UniqueFd> files(count);
      std::function<awaitable<void>(size_t)> open = [&](size_t i) -> awaitable<void> {
        const auto body = co_await small[begin + i]->body->open();
        if (body) files[i] = co_await descriptor_of(*body);
      };
      co_await for_each_index(count, open);
      Puts puts;
      for (size_t i = 0; i < count; ++i) {
        if (files[i]) puts.add(*small[begin + i], std::move(files[i]));
      }
      co_await send(std::move(puts));
    }
    for (InputFile* input : large) {
      const auto body = co_await input->body->open();
      if (!body) continue;
      if (body->descriptor() < 0) {
        co_await stream(*input, *body);
      } else {
        Puts puts;
        UniqueFd file = co_await descriptor_of(*body);
        puts.add(*input, std::move(file));
        co_await send(std::move(puts));
      }
    }
  }

  awaitable<void> send(Puts puts) {
    if (puts.names.empty()) co_return;
    std::ranges::move(puts.names, std::back_inserter(names_));
    co_await channel_->send(puts.message.bytes(), std::move(puts.files));
  }

  // Through a socket, at the speed at which the agent takes it.
  awaitable<void> stream(const InputFile& input, ByteSource& body) {
    auto executor = co_await asio::this_coro::executor;
    int ends[2];
    sys("making a stream", [&] { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); });
    UniqueFd theirs(ends[1]);
    asio::local::stream_protocol::socket ours(executor, asio::local::stream_protocol(), ends[0]);
    Puts puts;
    puts.add(input, std::move(theirs));
    co_await send(std::move(puts));
    std::vector<std::byte> buffer(source_piece);
    while (const size_t count = co_await body.read_some(buffer)) {
      const auto taken = co_await until(after(Channel::patience), write(ours, std::span(buffer).first(count)));
      if (!taken) throw Failure(FailureKind::unavailable, "the sandbox does not take its files");
      if (!*taken) co_return;  // there was no room, as its report will say, or the sandbox is gone
    }
  }

  // False when nobody reads any more.
  static awaitable<bool> write(asio::local::stream_protocol::socket& to, std::span<const std::byte> bytes) {
    boost::system::error_code error;
    co_await asio::async_write(
        to, asio::buffer(bytes.data(), bytes.size()), asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::operation_aborted) throw boost::system::system_error(error);
    co_return !error;
  }

  // A regular file's descriptor is passed on as it is; anything else is gathered in memory of its own first.
  awaitable<UniqueFd> descriptor_of(ByteSource& body) {
    if (body.descriptor() >= 0) {
      const int fd = body.descriptor();
      co_return UniqueFd(sys("passing on a file", [&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 0); }));
    }
    UniqueFd file(sys("making a memory file", [] { return ::memfd_create("input", MFD_CLOEXEC); }));
    std::vector<std::byte> buffer(source_piece);
    while (const size_t count = co_await body.read_some(buffer)) {
      for (size_t done = 0; done < count;) {
        done += static_cast<size_t>(sys("filling a memory file", [&] {
          return ::write(file.get(), buffer.data() + done, count - done);
        }));
      }
    }
    co_return file;
  }

  // False when nothing is there. The end of the streams is not waited for: a guest can leave them open in places that
  // outlive its processes for a while, a socket in flight for one.
  bool read() {
    if (take_output()) return true;
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

  awaitable<void> wait_for_something() {
    const auto readable = [](asio::posix::stream_descriptor& stream) {
      return stream.async_wait(asio::posix::stream_descriptor::wait_read, asio::deferred);
    };
    std::vector<decltype(readable(channel_->out()))> waits;
    if (out_open_) waits.push_back(readable(channel_->out()));
    if (err_open_) waits.push_back(readable(channel_->err()));
    waits.push_back(readable(channel_->control()));
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
      case Tag::ended:
        end(outcome_of(sandbox::read_report(reader)));
        break;
      case Tag::file:
        for (UniqueFd& fd : message->descriptors) {
          std::string name = reader.text();
          const auto size = reader.number<std::uint64_t>();
          const bool written = reader.number<std::uint8_t>() != 0;
          if (name.empty() || name.contains('\0') || !is_safe(fd.get(), size)) continue;
          auto contents = std::make_unique<FileSource>(std::move(fd), blocking_);
          ready_.push_back(OutputFile(std::move(name), std::move(contents), size, written));
        }
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
    ended_ = true;
    ready_.push_back(std::move(outcome));
  }

  // Others will run it: nobody, not even who made it, may be able to change it any more.
  void take_product(std::vector<UniqueFd> descriptors) {
    constexpr int sealed = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    struct stat info {};
    if (descriptors.size() != 1 || ::fcntl(descriptors.front().get(), F_GET_SEALS) != sealed ||
        ::fstat(descriptors.front().get(), &info) != 0) {
      throw Failure(FailureKind::internal, "a sandbox handed out a program that could change");
    }
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size <= largest_compiled_) ready_.push_back(Compiled(std::move(descriptors.front()), size));
  }

  void add_name(std::vector<std::string>& to, std::uint32_t number) const {
    if (number < names_.size()) to.push_back(names_[number]);
  }

  Collected read_collected(Reader& reader) const {
    Collected collected;
    collected.complete = reader.number<std::uint8_t>() != 0;
    for (std::uint32_t& count : collected.skipped_files) count = reader.number<std::uint32_t>();
    for (auto left = reader.number<std::uint32_t>(); left > 0; --left) {
      const auto reason = reader.number<std::uint8_t>();
      const auto files = reader.number<std::uint32_t>();
      std::string name = reader.text();
      if (reason < left_out_reasons) collected.skipped.emplace_back(std::move(name), static_cast<LeftOut>(reason), files);
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
  std::string source_name_;
  Warm warm_;
  asio::thread_pool& blocking_;
  EndSandbox end_;
  std::deque<Event> ready_;
  std::vector<std::string> names_;  // of the files that were put, by their numbers
  std::uint64_t largest_compiled_ = 0;
  bool out_open_ = true, err_open_ = true, ended_ = false, has_read_ = false;
  Finished finished_ = Finished::no;
};

}  // namespace

std::unique_ptr<Lease> make_local_lease(
    std::unique_ptr<Channel> channel, std::string source_name, Warm warm, asio::thread_pool& blocking, EndSandbox end) {
  return std::make_unique<LocalLease>(std::move(channel), std::move(source_name), warm, blocking, std::move(end));
}

}  // namespace ci::pool
