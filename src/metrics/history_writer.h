#pragma once
// Takes runs and counts as they come and gives them to a History in batches, so that nobody waits for it. When the history cannot
// keep up or is down, runs are dropped and counted: it must never slow the server. I/O thread.

#include <optional>
#include <string>

#include "base/async.h"
#include "metrics/history.h"

namespace ci::metrics {

class HistoryWriter final : public RunRecorder {
 public:
  // `pool` is looked at for what it has done since the last time. `details`: sums by key and language are kept.
  HistoryWriter(History& history, const pool::SandboxPool& pool, bool details)
      : history_(history), pool_(pool), details_(details) {}

  void record(const RunRecord& run) override;
  void record(const RequestRecord& request);

  // Writes every few seconds, and prunes now and then, until it is cancelled.
  awaitable<void> work();
  // What still waits: at the end, and before somebody looks.
  awaitable<void> flush();

  std::uint64_t dropped() const { return dropped_; }
  std::size_t waiting() const { return waiting_.runs.size(); }
  std::optional<std::chrono::system_clock::time_point> last_written() const { return last_written_; }

 private:
  static constexpr std::size_t most_waiting = 20000;

  Counts& counts_now();

  History& history_;
  const pool::SandboxPool& pool_;
  bool details_;
  History::Batch waiting_;
  pool::PoolStatistics seen_;  // of the pool, the last time
  std::uint64_t dropped_ = 0;
  std::optional<std::chrono::system_clock::time_point> last_written_;
};

}  // namespace ci::metrics
