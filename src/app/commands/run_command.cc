#include "app/commands/run_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "app/commands/own_sandboxd.h"
#include "app/commands/standard_input.h"
#include "app/server/compose.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/write_all.h"
#include "execution/left_out.h"
#include "execution/program.h"
#include "execution/shape.h"
#include "files/names.h"
#include "languages/language.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

constexpr int status_timed_out = 124;
constexpr int status_out_of_memory = 137;
// The first sandbox of a host that has none warm: interpreters are read from disk.
constexpr std::chrono::seconds patience{60};
constexpr int most_files = 100;  // taken out of a sandbox
// A sandbox that has not told the end of its program so long after its time is given up.
constexpr std::chrono::seconds overtime{20};

const languages::Language& language_of(const RunRequest& request) {
  if (!request.language.empty()) {
    if (const languages::Language* found = languages::find(request.language)) return *found;
    throw Failure(FailureKind::invalid, fmt::format("there is no language \"{}\"", request.language));
  }
  const std::string extension = fs::path(request.file).extension().string();
  for (const languages::Language& language : languages::all()) {
    if (!extension.empty() && fs::path(language.file).extension() == extension) return language;
  }
  throw Failure(FailureKind::invalid, "say which language it is: --lang py");
}

std::string read_all(std::istream& stream) {
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::string read_code(const std::string& file) {
  // Not /dev/stdin, which would open it again: a pipe belongs to whoever made it, and that may be another user.
  if (file.empty() || file == "-") return read_all(std::cin);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Failure::from_errno(errno, "reading " + file);
  return read_all(stream);
}

class Runner final : private execution::ProgramSink {
 public:
  Runner(const LoadedSettings& settings, const RunRequest& request)
      : settings_(settings), request_(request), language_(language_of(request)) {}

  int run() {
    const std::string code = read_code(request_.file);
    std::optional<StandardInput> input;
    if (has_input()) input.emplace();
    sandboxd_.emplace(input ? input->read_end() : -1);
    if (input) input->close_read_end();

    std::exception_ptr failure;
    asio::co_spawn(context_, everything(code), [&](std::exception_ptr error) { failure = error; });
    context_.run();
    sandboxd_->wait();
    if (failure) std::rethrow_exception(failure);
    return status_;
  }

 private:
  // What is not the code already, and comes by itself: nobody is asked to type.
  bool has_input() const { return !request_.file.empty() && request_.file != "-" && ::isatty(STDIN_FILENO) == 0; }

  awaitable<void> everything(std::string code) {
    const auto executor = co_await asio::this_coro::executor;
    pool::PoolSettings settings = pool_settings(settings_.values);
    settings.enabled = false;
    auto connector = [this]() { return sandboxd_->next(); };
    const auto pool = pool::open_pool(executor, blocking_, settings, connector);
    std::exception_ptr failure;
    try {
      co_await one_run(*pool, std::move(code));
    } catch (...) {
      failure = std::current_exception();
    }
    co_await pool->stop();
    if (failure) std::rethrow_exception(failure);
  }

  awaitable<void> one_run(pool::SandboxPool& pool, std::string code) {
    pool::Program program;
    program.arguments = request_.arguments;
    program.time_limit = time_limit();
    program.compile_limit = language_.compile_limit(settings_.values.time_limit);
    program.output_file_limit = settings_.values.file_bytes;
    program.output_file_count = most_files;
    for (const fs::path& path : request_.inputs) add_input(program, path);
    pool::Demand demand = execution::demand_for(std::string(language_.code), code, {}, {});
    program.code = std::move(code);
    demand.packages = request_.packages;

    const auto lease = co_await pool.acquire(std::move(demand), after(patience));
    const execution::Ran ran = co_await execution::run_program(*lease, std::move(program), *this, overtime);
    take_outcome(ran.outcome);
    const auto collected = co_await execution::collect_files(*lease, *this, after(patience));
    if (!collected) throw Failure(FailureKind::timeout, "the sandbox did not hand out its files in time");
    execution::LeftOutFiles left_out;
    left_out.add(*collected);
    const std::string line = left_out.line(most_files, settings_.values.file_bytes);
    if (!line.empty()) fmt::print(stderr, "kubecoderun: {}\n", line);
  }

  void started() override {}
  awaitable<void> output(pool::Stream stream, std::string_view bytes) override {
    write_all(stream == pool::Stream::out ? STDOUT_FILENO : STDERR_FILENO, bytes, "writing output");
    co_return;
  }
  void call(pool::Call) override {}
  awaitable<void> file(pool::OutputFile file) override { co_await take_file(file); }
  awaitable<pool::Word> word() override {
    for (;;) co_await sleep_for(std::chrono::hours(24));  // nobody has anything to say to it
  }

  void add_input(pool::Program& program, const fs::path& path) {
    UniqueFd file(sys("opening " + path.string(), [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
    struct stat status{};
    sys("looking at " + path.string(), [&] { return ::fstat(file.get(), &status); });
    const auto name = RelativePath::parse(path.filename().string());
    if (!S_ISREG(status.st_mode) || !name) {
      throw Failure(FailureKind::invalid, fmt::format("{} is not a file that can be handed in", path.string()));
    }
    if (name->text() == language_.file) {
      throw Failure(FailureKind::invalid, fmt::format("{}: the program itself has this name", path.string()));
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    auto contents = std::make_unique<FileSource>(std::move(file), blocking_);
    program.inputs.emplace_back(*name, std::make_unique<pool::OpenBody>(std::move(contents)), size, false);
    inputs_[name->text()] = path;
  }

  void take_outcome(const pool::Outcome& outcome) {
    for (const std::string& name : outcome.unplaced)
      fmt::print(stderr, "kubecoderun: there was no room for {}\n", name);
    switch (outcome.ended) {
      case pool::Ended::exited:
        status_ = outcome.exit_code;
        return;  // the program's own affair
      case pool::Ended::signalled:
        status_ = 128 + outcome.signal;
        break;
      case pool::Ended::timed_out:
        status_ = status_timed_out;
        break;
      case pool::Ended::out_of_memory:
        status_ = status_out_of_memory;
        break;
      case pool::Ended::interrupted:
        break;
      case pool::Ended::lost:
        throw Failure(FailureKind::unavailable, "the sandbox went away");
    }
    fmt::print(stderr, "{}\n", execution::explain("", outcome, time_limit()));
  }

  std::chrono::seconds time_limit() const { return request_.time_limit.value_or(settings_.values.time_limit); }

  awaitable<void> take_file(pool::OutputFile& file) {
    const auto cleaned = files::output_name(file.name);
    if (!cleaned) co_return;
    const std::string& name = cleaned->text();
    std::string bytes;
    std::vector<std::byte> piece(64 << 10);
    for (;;) {
      const size_t count = co_await file.body->read_some(piece);
      if (count == 0) break;
      bytes.append(reinterpret_cast<const char*>(piece.data()), count);
    }
    if (const auto input = inputs_.find(name); input != inputs_.end()) {
      std::ifstream before(input->second, std::ios::binary);
      if (before && read_all(before) == bytes) co_return;  // an input as it was
    }
    if (!request_.output_directory) {
      fmt::print(stderr, "kubecoderun: left {} ({} bytes; --output-dir keeps it)\n", name, bytes.size());
      co_return;
    }
    const fs::path target = *request_.output_directory / name;
    fs::create_directories(target.parent_path());
    const UniqueFd out(sys("writing " + target.string(), [&] {
      return ::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    }));
    write_all(out.get(), bytes, "writing output");
    fmt::print(stderr, "kubecoderun: wrote {} ({} bytes)\n", target.string(), bytes.size());
  }

  const LoadedSettings& settings_;
  const RunRequest& request_;
  const languages::Language& language_;
  std::optional<OwnSandboxd> sandboxd_;
  std::map<std::string, fs::path> inputs_;
  int status_ = 1;
  asio::thread_pool blocking_{2};
  asio::io_context context_{1};
};

}  // namespace

int run_command(const LoadedSettings& settings, const RunRequest& request) {
  // The program's output is what this terminal is for.
  LoadedSettings quiet = settings;
  quiet.values.log_level = "ERROR";
  quiet.values.log_format = "text";
  start_log(quiet, "run", LogTarget::errors);
  return Runner(settings, request).run();
}

}  // namespace ci::app
