#include "bench/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

namespace ci::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds rewrite{100};
constexpr std::chrono::seconds now_and_then{10};

}  // namespace

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear_line(); }

void Progress::begin(std::string_view name) {
  const std::scoped_lock lock(mutex_);
  name_ = name;
  show(name_, true);
}

void Progress::tell(int done, int all) {
  const std::scoped_lock lock(mutex_);
  show(fmt::format("{}: {} of {}", name_, done, all), false);
}

void Progress::tell(std::chrono::duration<double> spent, std::chrono::duration<double> all) {
  const std::scoped_lock lock(mutex_);
  show(fmt::format("{}: {:.1f} of {:.0f} s", name_, spent.count(), all.count()), false);
}

void Progress::note(std::string_view sentence) {
  const std::scoped_lock lock(mutex_);
  clear_line();
  fmt::print(stderr, "{}\n", sentence);
}

void Progress::show(const std::string& text, bool at_once) {
  const auto now = Clock::now();
  if (terminal_) {
    if (!at_once && now - last_ < rewrite) return;
    fmt::print(stderr, "\r{}\033[K", text);
    std::fflush(stderr);
    on_line_ = true;
  } else {
    if (last_ != Clock::time_point{} && now - last_ < now_and_then) return;
    fmt::print(stderr, "[{:4.0f} s] {}\n", std::chrono::duration<double>(now - started_).count(), text);
  }
  last_ = now;
}

void Progress::clear_line() {
  if (on_line_) fmt::print(stderr, "\r\033[K");
  on_line_ = false;
}

}  // namespace ci::bench
