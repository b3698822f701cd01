#include "sandbox/zygotes.h"

#include <algorithm>
#include <csignal>

#include "base/failure.h"
#include "base/log.h"
#include "languages/language.h"

namespace ci::sandbox {

namespace {

// Between their end and their next start, doubled while they live shorter than that.
constexpr auto first_pause = std::chrono::milliseconds(100);
constexpr auto longest_pause = std::chrono::seconds(10);

}  // namespace

void Zygotes::add(const Kind& kind) {
  One& zygotes = by_language_[kind.language->code];
  if (zygotes.count++ == 0) zygotes.command = kind.command;
  const size_t level = kind.name.find('/');
  if (level != kind.name.npos) zygotes.command.push_back(kind.name.substr(level + 1));
}

void Zygotes::preload(const std::vector<std::string>& modules) {
  for (auto& [language, zygotes] : by_language_) {
    if (!languages::find(language)->reads_imports) continue;
    for (const std::string& module : modules) zygotes.command.back() += "+" + module;
  }
}

void Zygotes::start_first() {
  for (auto& [language, zygotes] : by_language_) {
    if (languages::find(language)->reads_imports) start(zygotes);
  }
}

void Zygotes::start(One& zygotes) {
  zygotes.tree = std::make_unique<ZygoteTree>(zygotes.command, zygotes.count, environment_, limits_, root_);
  zygotes.started = Clock::now();
  zygotes.due.reset();
}

bool Zygotes::is_idle(const One& zygotes, Clock::time_point now) const {
  return zygotes.tree && now - zygotes.wanted >= longest_idle_;
}

void Zygotes::do_due() {
  const auto now = Clock::now();
  for (auto& [language, zygotes] : by_language_) {
    if (zygotes.due && now >= *zygotes.due) start(zygotes);
    if (!is_idle(zygotes, now)) continue;
    let_go_.insert(zygotes.tree->pid());
    ::kill(zygotes.tree->pid(), SIGKILL);
    zygotes.tree.reset();
  }
}

ZygoteTree& Zygotes::of(const Kind& kind) {
  One& zygotes = by_language_.at(kind.language->code);
  zygotes.wanted = Clock::now();
  if (!zygotes.tree) {
    if (zygotes.due) throw Failure(FailureKind::unavailable, "the zygotes of " + kind.name + " are starting again");
    start(zygotes);
  }
  return *zygotes.tree;
}

void Zygotes::give_up(const Kind& kind) {
  const One& zygotes = by_language_.at(kind.language->code);
  if (zygotes.tree) ::kill(zygotes.tree->pid(), SIGKILL);
}

// A broken installation is tried for ever, but seldom.
bool Zygotes::ended(pid_t process, int status) {
  if (let_go_.erase(process) > 0) return true;
  const auto found = std::ranges::find_if(
      by_language_, [process](const auto& entry) { return entry.second.tree && entry.second.tree->pid() == process; });
  if (found == by_language_.end()) return false;
  One& zygotes = found->second;
  zygotes.tree.reset();
  const auto now = Clock::now();
  if (now - zygotes.started >= longest_pause) zygotes.pause = {};
  zygotes.pause = std::clamp<std::chrono::milliseconds>(zygotes.pause, first_pause, longest_pause);
  zygotes.due = now + zygotes.pause;
  log_error(
      "zygotes ended and are started again",
      {{"language", std::string(found->first)}, {"status", status}, {"in_ms", zygotes.pause.count()}});
  zygotes.pause *= 2;
  return true;
}

int Zygotes::time_to_next() const {
  std::int64_t next = -1;
  const auto now = Clock::now();
  const auto look_after = [&next](Clock::duration time) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(time).count();
    next = next < 0 ? std::max<std::int64_t>(0, left) : std::clamp<std::int64_t>(left, 0, next);
  };
  for (const auto& [language, zygotes] : by_language_) {
    if (zygotes.due) look_after(*zygotes.due - now);
    if (zygotes.tree && longest_idle_ != Clock::duration::max()) look_after(longest_idle_ - (now - zygotes.wanted));
  }
  return static_cast<int>(next);
}

}  // namespace ci::sandbox
