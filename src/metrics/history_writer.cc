#include "metrics/history_writer.h"

#include <algorithm>
#include <iterator>

#include "base/failure.h"
#include "base/log.h"

namespace ci::metrics {

using std::chrono::system_clock;

namespace {

constexpr std::chrono::seconds between_writes{5};
constexpr std::chrono::hours between_prunes{1};

}  // namespace

Counts& HistoryWriter::counts_now() {
  return waiting_.counts[std::chrono::floor<std::chrono::hours>(system_clock::now())];
}

void HistoryWriter::record(const RunRecord& run) {
  count(counts_now(), run);
  if (waiting_.runs.size() >= most_waiting) {
    ++dropped_;
    return;
  }
  waiting_.runs.push_back(run);
}

void HistoryWriter::record(const RequestRecord& request) { count(counts_now(), request); }

awaitable<void> HistoryWriter::flush() {
  const pool::PoolStatistics now = pool_.statistics();
  Counts of_pool;
  count(of_pool, seen_, now);
  seen_ = now;
  if (!of_pool.empty()) metrics::add(counts_now(), of_pool);
  if (waiting_.runs.empty() && waiting_.counts.empty()) co_return;

  History::Batch taken;
  std::swap(taken, waiting_);
  taken.details = details_;
  std::exception_ptr failure;
  try {
    co_await history_.add(taken);
    last_written_ = system_clock::now();
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) co_return;
  for (const auto& [hour, counts] : taken.counts) metrics::add(waiting_.counts[hour], counts);
  const std::size_t room = most_waiting - std::min(most_waiting, waiting_.runs.size());
  if (taken.runs.size() > room) {
    dropped_ += taken.runs.size() - room;
    taken.runs.resize(room);
  }
  std::ranges::move(taken.runs, std::back_inserter(waiting_.runs));
  std::rethrow_exception(failure);
}

awaitable<void> HistoryWriter::work() {
  auto next_prune = std::chrono::steady_clock::now();
  bool failing = false;
  for (;;) {
    co_await sleep_for(between_writes);
    std::string reason;
    try {
      co_await flush();
      if (std::chrono::steady_clock::now() >= next_prune) {
        next_prune = std::chrono::steady_clock::now() + between_prunes;
        co_await history_.prune(system_clock::now());
      }
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    if (!reason.empty() && !failing) log_warning("the history of runs cannot be written", {{"reason", reason}});
    failing = !reason.empty();
  }
}

}  // namespace ci::metrics
