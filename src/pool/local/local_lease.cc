#include "pool/local/local_lease.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/redirect_error.hpp>

#include "base/sys.h"
#include "sandbox/wire.h"

namespace ci::pool {

namespace {

using sandbox::Reader;
using sandbox::Tag;
using sandbox::Writer;

constexpr long tmpfs_magic = 0x01021994;      // statfs(2)
constexpr size_t puts_per_message = 64;
constexpr size_t source_piece = 256 << 10;

// The guest chose the name and made the file; the agent opened it. Believe neither: a regular file, one link, on a
// memory file system (every host file that a sandbox can see is on another), of the size that was announced.
bool is_safe(int fd, std::uint64_t size) {
  struct stat info {};
  struct statfs system {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1 &&
         static_cast<std::uint64_t>(info.st_size) == size && ::fstatfs(fd, &system) == 0 && system.f_type == tmpfs_magic &&
         (::fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY;
}

class LocalLease final : public Lease {
 public:
  LocalLease(
      std::unique_ptr<Channel> channel, std::string source_name, asio::thread_pool& blocking, std::function<void()> on_end)
      : channel_(std::move(channel)), source_name_(std::move(source_name)), blocking_(blocking), on_end_(std::move(on_end)) {}

  ~LocalLease() override {
    channel_->close();
    on_end_();
  }

  awaitable<void> start(Program program) override {
    const auto source = RelativePath::parse(source_name_);
    CHECK(source.has_value());
    Writer batch(Tag::put);
    std::vector<UniqueFd> files;
    for (InputFile& input : program.inputs) {
      if (input.name == *source) continue;  // the program's own text goes there
      UniqueFd file = co_await descriptor_of(*input.body);
      if (files.size() == puts_per_message || batch.bytes().size() > os::max_payload / 2) {
        co_await channel_->send(batch.bytes(), std::move(files));
        files.clear();
        batch = Writer(Tag::put);
      }
      batch.number<std::uint8_t>(input.read_only).text(input.name.text());
      files.push_back(std::move(file));
    }
    batch.number<std::uint8_t>(0).text(source->text());
    files.push_back(os::memory_file("code", program.code));
    co_await channel_->send(batch.bytes(), std::move(files));

    std::string arguments;
    for (const std::string& argument : program.arguments) {
      arguments += argument;
      arguments += '\0';
    }
    Writer start(Tag::start);
    start.number(static_cast<std::uint64_t>(program.time_limit.count()))
        .number(program.output_file_limit)
        .number(program.output_file_count);
    std::vector<UniqueFd> words;
    words.push_back(os::memory_file("arguments", arguments));
    co_await channel_->send(start.bytes(), std::move(words));
  }

  awaitable<Event> next() override {
    for (;;) {
      if (!ready_.empty()) {
        Event event = std::move(ready_.front());
        ready_.pop_front();
        co_return event;
      }
      if (out_open_ || err_open_) {
        co_await read_output();
        continue;
      }
      co_await read_message();
    }
  }

 private:
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

  // Waits for whichever stream has something. Both end when the last guest process is gone.
  awaitable<void> read_output() {
    if (take(channel_->out(), Stream::out, out_open_) | take(channel_->err(), Stream::err, err_open_)) co_return;
    if (out_open_ && err_open_) {
      auto race = asio::experimental::make_parallel_group(
          channel_->out().async_wait(asio::posix::stream_descriptor::wait_read, asio::deferred),
          channel_->err().async_wait(asio::posix::stream_descriptor::wait_read, asio::deferred));
      co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    } else {
      auto& open = out_open_ ? channel_->out() : channel_->err();
      co_await open.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    }
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

  awaitable<void> read_message() {
    auto message = co_await channel_->receive();
    if (!message) {
      if (!ended_) {
        Outcome lost;
        lost.ended = Ended::lost;
        ready_.push_back(lost);
        ended_ = true;
      }
      ready_.push_back(Collected{});
      co_return;
    }
    Reader reader(message->payload);
    switch (reader.tag()) {
      case Tag::ended:
        ended_ = true;
        ready_.push_back(read_outcome(reader));
        break;
      case Tag::file:
        for (UniqueFd& fd : message->descriptors) {
          auto name = RelativePath::parse(reader.text());
          const auto size = reader.number<std::uint64_t>();
          if (!name || !is_safe(fd.get(), size)) continue;
          ready_.push_back(OutputFile(std::move(*name), std::make_unique<FileSource>(std::move(fd), blocking_), size));
        }
        break;
      case Tag::collected:
        ready_.push_back(Collected{});
        break;
      case Tag::failed:
        throw Failure(FailureKind::unavailable, "the sandbox failed: " + reader.text());
      default:
        throw Failure(FailureKind::internal, "an unexpected message from a sandbox");
    }
  }

  static Outcome read_outcome(Reader& reader) {
    Outcome outcome;
    const bool timed_out = reader.number<std::uint8_t>() != 0;
    const bool out_of_memory = reader.number<std::uint8_t>() != 0;
    const auto status = reader.number<std::int32_t>();
    const auto wall = reader.number<std::uint64_t>();
    outcome.wall_time = std::chrono::microseconds(wall);
    outcome.cpu_time = std::chrono::microseconds(reader.number<std::uint64_t>());
    outcome.peak_memory = reader.number<std::uint64_t>();
    outcome.steps.emplace_back("place", reader.number<std::uint64_t>());
    outcome.steps.emplace_back("program", wall);
    outcome.steps.emplace_back("reap", reader.number<std::uint64_t>());
    if (WIFSIGNALED(status)) {
      outcome.ended = Ended::signalled;
      outcome.signal = WTERMSIG(status);
    } else {
      outcome.exit_code = WEXITSTATUS(status);
    }
    if (timed_out) outcome.ended = Ended::timed_out;
    if (out_of_memory) outcome.ended = Ended::out_of_memory;
    return outcome;
  }

  std::unique_ptr<Channel> channel_;
  std::string source_name_;
  asio::thread_pool& blocking_;
  std::function<void()> on_end_;
  std::deque<Event> ready_;
  bool out_open_ = true, err_open_ = true, ended_ = false;
};

void make_non_blocking(int fd) {
  const int flags = sys("reading descriptor flags", [&] { return ::fcntl(fd, F_GETFL); });
  sys("making a descriptor non-blocking", [&] { return ::fcntl(fd, F_SETFL, flags | O_NONBLOCK); });
}

}  // namespace

Channel::Channel(asio::any_io_executor executor, UniqueFd control, UniqueFd out, UniqueFd err)
    : control_(executor), out_(executor), err_(executor) {
  for (const UniqueFd* fd : {&control, &out, &err}) make_non_blocking(fd->get());
  control_.assign(control.release());
  out_.assign(out.release());
  err_.assign(err.release());
}

awaitable<std::optional<os::Message>> Channel::receive() {
  os::Message message;
  for (;;) {
    switch (os::receive_message(control_.native_handle(), message)) {
      case os::Received::message:
        co_return std::move(message);
      case os::Received::closed:
        co_return std::nullopt;
      case os::Received::would_block:
        co_await control_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
    }
  }
}

awaitable<void> Channel::send(std::string payload, std::vector<UniqueFd> descriptors) {
  std::vector<int> numbers;
  for (const UniqueFd& fd : descriptors) numbers.push_back(fd.get());
  while (!os::send_message(control_.native_handle(), payload, numbers)) {
    co_await control_.async_wait(asio::posix::stream_descriptor::wait_write, asio::use_awaitable);
  }
}

void Channel::close() {
  boost::system::error_code ignored;
  control_.close(ignored);
  out_.close(ignored);
  err_.close(ignored);
}

std::unique_ptr<Lease> make_local_lease(
    std::unique_ptr<Channel> channel, std::string source_name, asio::thread_pool& blocking, std::function<void()> on_end) {
  return std::make_unique<LocalLease>(std::move(channel), std::move(source_name), blocking, std::move(on_end));
}

}  // namespace ci::pool
