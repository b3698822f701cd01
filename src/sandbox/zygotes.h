#pragma once
// The zygotes of all languages that have some: started when they are first wanted, or at once, and again when they ended. Used by
// sandboxd, whose children they are.

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/kinds.h"
#include "sandbox/zygote_tree.h"

namespace ci::sandbox {

class Zygotes {
 public:
  using Clock = std::chrono::steady_clock;

  // Both are looked at when something is started. `root`: as for ZygoteTree. Those that nobody wanted for `longest_idle` end, until somebody
  // does.
  Zygotes(
      const std::vector<std::string>& environment, const GuestLimits& limits, int root = -1,
      Clock::duration longest_idle = Clock::duration::max())
      : environment_(environment), limits_(limits), root_(root), longest_idle_(longest_idle) {}

  void add(const Kind& kind);
  // After the last add(). `modules`: as in SandboxdSettings.
  void preload(const std::vector<std::string>& modules);
  // Those that are large and always wanted.
  void start_first();
  // What is to happen by now: starts and ends.
  void do_due();

  // Those of a kind's language, which are started if they are not there. Fails as `unavailable` between their end and their next start.
  ZygoteTree& of(const Kind& kind);
  // They are of no use any more, and end: one of them is gone, and only the first is a child of ours whose end we are told.
  void give_up(const Kind& kind);

  // Whether the process that ended was one of these.
  bool ended(pid_t process, int status);
  // For poll(2).
  int time_to_next() const;

 private:
  struct One {
    std::vector<std::string> command;
    size_t count = 0;
    std::unique_ptr<ZygoteTree> tree;
    Clock::time_point started, wanted;
    std::optional<Clock::time_point> due;  // when they start again
    std::chrono::milliseconds pause{0};
  };

  void start(One& zygotes);
  bool is_idle(const One& zygotes, Clock::time_point now) const;

  const std::vector<std::string>& environment_;
  const GuestLimits& limits_;
  int root_;
  Clock::duration longest_idle_;
  std::set<pid_t> let_go_;
  std::map<std::string_view, One> by_language_;
};

}  // namespace ci::sandbox
