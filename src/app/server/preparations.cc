#include "app/server/preparations.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>

#include "base/log.h"
#include "base/sys.h"
#include "languages/language.h"
#include "os/child_process.h"
#include "sandbox/headers.h"
#include "sandbox/workshop.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes between_looks{1};
constexpr std::chrono::minutes longest_pause{60};  // after failures
constexpr const char* manifest = "inputs.txt";     // size, time of change and path of every file that it was made of
constexpr const char* longest = "900";             // seconds that a script may take

const std::array<Preparation, 5> all = {{
    {"cpp",
     "cpp",
     "C++ headers",
     "C++ compiles its standard headers each time",
     {"/usr/bin/python3", "{runtimes}/cpp/prepare.py", "/usr/bin/g++", "{output}"}},
    {"node",
     "ts",
     "TypeScript's compiler",
     "TypeScript takes longer to get ready",
     {"/usr/bin/node", "{runtimes}/node/prepare.js", "/usr/bin/node", "{output}"}},
    {"java",
     "java",
     "Java's class archive",
     "Java takes longer to get ready",
     {"/bin/sh", "{runtimes}/java/prepare.sh", "{runtimes}/java", "{output}"}},
    {"rust",
     "rs",
     "crates of Rust",
     "programs in Rust find no crates",
     {"/usr/bin/python3", "{runtimes}/rust/prepare.py", "/usr/bin/rustc", "{output}"}},
    {"go",
     "go",
     "packages of Go",
     "Go is compiled with its own command, which is slow, and has no modules",
     {"/bin/sh", "{runtimes}/go/prepare.sh", "/usr/bin/go", "{output}", "/prepared/go"}},
}};

// What a manifest calls a file that was seen from inside of another system.
sandbox::PlaceOfFile place_in(const PreparationPlaces& places) {
  if (places.system.is_host()) return {};
  return [&places](const fs::path& name) {
    const fs::path ours = name.lexically_relative(sandbox::workshop_runtimes);
    return !ours.empty() && *ours.begin() != ".." ? places.runtimes / ours : places.system.find(name);
  };
}

// What is started by timeout, nice and a shell has our program as a descriptor: the path that names it is another's for each of them.
constexpr int own_program_descriptor = 3;

// Another process of ours, which becomes the tool inside.
std::vector<std::string> inside_command(const sandbox::Workshop& workshop) {
  const std::string program = fmt::format("/proc/self/fd/{}", own_program_descriptor);
  return {program,    "inside",        "--root",        workshop.root,        "--runtimes", workshop.runtimes,
          "--output", workshop.output, "--output-name", workshop.output_name, "--"};
}

// With the least claim to the processors, and an end, also of what it started itself.
// `output` becomes what is prepared.
std::vector<std::string> command_of(
    const Preparation& preparation, const PreparationPlaces& places, const fs::path& output) {
  fs::path runtimes = places.runtimes, target = output;
  std::vector<std::string> words = {
      "/usr/bin/timeout", "-k", "5", longest, "/usr/bin/nice", "-n", "20",
      // Users of sandboxes read what is made, whatever our umask.
      "/bin/sh", "-c", "umask 022; exec \"$@\"", "sh"};
  if (!places.system.is_host()) {
    sandbox::Workshop workshop;
    workshop.root = places.system.directory();
    workshop.runtimes = places.runtimes;
    workshop.output = output;
    workshop.output_name = preparation.folder;
    std::ranges::move(inside_command(workshop), std::back_inserter(words));
    runtimes = sandbox::workshop_runtimes;
    target = sandbox::workshop_output(workshop.output_name);
  }
  for (const std::string_view view : preparation.command) {
    std::string word(view);
    for (const auto& [name, value] :
         {std::pair<std::string_view, std::string>{"{runtimes}", runtimes}, {"{output}", target}}) {
      if (const size_t at = word.find(name); at != word.npos) word.replace(at, name.size(), value);
    }
    words.push_back(std::move(word));
  }
  return words;
}

std::string last_line(const fs::path& file) {
  std::ifstream stream(file);
  std::string last;
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

// Its exit status. When it is cancelled the child ends with all that it has started.
awaitable<int> ended(os::ChildProcess& child) {
  asio::posix::stream_descriptor watched(co_await asio::this_coro::executor, sys("watching a child", [&] {
                                           return ::fcntl(child.pidfd(), F_DUPFD_CLOEXEC, 0);
                                         }));
  std::exception_ptr cancelled;
  try {
    co_await watched.async_wait(asio::posix::descriptor_base::wait_read, asio::use_awaitable);
  } catch (...) {
    cancelled = std::current_exception();
  }
  if (cancelled) {
    ::kill(-child.pid(), SIGKILL);  // its group: it is not waited for yet, so the number is still its own
    std::rethrow_exception(cancelled);
  }
  co_return child.wait();
}

}  // namespace

std::span<const Preparation> preparations() { return all; }

Prepared look_at(const Preparation& preparation, const PreparationPlaces& places) {
  const fs::path built = places.runtimes / preparation.folder / manifest,
                 anew = places.prepared / preparation.folder / manifest;
  if (sandbox::files_are_unchanged(anew, place_in(places))) return Prepared::anew;
  if (sandbox::files_are_unchanged(built, place_in(places))) return Prepared::as_built;
  std::error_code ignored;
  return fs::exists(anew, ignored) || fs::exists(built, ignored) ? Prepared::stale : Prepared::absent;
}

Preparer::Preparer(PreparationPlaces places, std::vector<std::string> languages, std::function<awaitable<void>()> made)
    : places_(std::move(places)), languages_(std::move(languages)), made_(std::move(made)) {}

awaitable<void> Preparer::keep_current() {
  struct Trouble {
    Clock::time_point again;
    std::chrono::minutes pause = between_looks;
  };
  std::map<std::string_view, Trouble> troubles;
  for (;;) {
    bool any = false;
    for (const Preparation& preparation : preparations()) {
      if (std::ranges::find(languages_, preparation.language) == languages_.end()) continue;
      const auto trouble = troubles.find(preparation.folder);
      if (trouble != troubles.end() && Clock::now() < trouble->second.again) continue;
      const Prepared state = look_at(preparation, places_);
      if (state == Prepared::as_built || state == Prepared::anew) continue;
      std::string reason;
      try {
        co_await make(preparation);
        any = true;
        troubles.erase(preparation.folder);
      } catch (const Failure& failure) {
        reason = failure.what();
      }
      if (reason.empty()) continue;
      Trouble& next = troubles[preparation.folder];
      log_warning(
          "cannot prepare", {{"what", std::string(preparation.what)},
                             {"reason", reason},
                             {"lost", std::string(preparation.loss)},
                             {"again_in_minutes", next.pause.count()}});
      next.again = Clock::now() + next.pause;
      next.pause = std::min(next.pause * 2, longest_pause);
    }
    if (any) co_await made_();
    co_await sleep_for(between_looks);
  }
}

awaitable<void> Preparer::make(const Preparation& preparation) {
  const fs::path target = places_.prepared / preparation.folder;
  const fs::path fresh = target.string() + ".new", old = target.string() + ".old";
  const std::string doing = "preparing " + std::string(preparation.what);
  std::error_code error;
  fs::remove_all(fresh, error);
  fs::remove_all(old, error);
  if (!fs::create_directories(fresh, error)) throw Failure::from_errno(error.value(), doing);
  fs::permissions(fresh, fs::perms(0755), error);
  log_info("preparing in the background", {{"what", std::string(preparation.what)}});
  const fs::path said = places_.prepared.parent_path() / (std::string(preparation.folder) + ".log");
  const UniqueFd log(sys(doing, [&] { return ::open(said.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); }));

  os::SpawnRequest request;
  request.arguments = command_of(preparation, places_, fresh);
  request.program = request.arguments.front();
  request.descriptors = {{log.get(), STDOUT_FILENO}, {log.get(), STDERR_FILENO}};
  request.own_group = true;
  const bool of_host = places_.system.is_host();
  UniqueFd program;
  if (!of_host) {
    program.reset(sys(doing, [] { return ::open(os::own_program().c_str(), O_RDONLY | O_CLOEXEC); }));
    request.descriptors.emplace_back(program.get(), own_program_descriptor);
  }
  const std::string home =
      of_host ? fresh.string() : sandbox::workshop_output(std::string(preparation.folder)).string();
  request.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "HOME=" + home};
  if (!of_host) request.environment->push_back("TMPDIR=" + home);  // /tmp is small there
  const auto begin = Clock::now();
  os::ChildProcess child = os::ChildProcess::spawn(request);
  const int status = co_await ended(child);
  if (status != 0) {
    fs::remove_all(fresh, error);
    throw Failure(FailureKind::unavailable, fmt::format("its script ended with {}: {}", status, last_line(said)));
  }
  if (!sandbox::files_are_unchanged(fresh / manifest, place_in(places_))) {
    fs::remove_all(fresh, error);
    throw Failure(FailureKind::unavailable, "files of the system changed meanwhile");
  }
  fs::rename(target, old, error);  // whoever uses it for a program at this moment goes the slow way
  fs::rename(fresh, target, error);
  if (error) throw Failure::from_errno(error.value(), doing);
  fs::remove_all(old, error);
  const auto time = std::chrono::round<std::chrono::seconds>(Clock::now() - begin);
  log_info("prepared", {{"what", std::string(preparation.what)}, {"seconds", time.count()}});
}

}  // namespace ci::app
