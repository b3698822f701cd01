#pragma once
// Runs that have ended, and what else was counted, kept for people to look back at. Implemented by sqlite_history.h (this machine:
// every run, and sums), shared_history.h (many replicas on one Redis: sums) and memory_history.h (until the server stops). I/O
// thread; every call can fail as a store does.

#include <string>
#include <vector>

#include "base/async.h"
#include "metrics/run_record.h"
#include "metrics/tally.h"
#include "metrics/totals.h"

namespace ci::metrics {

struct Retention {
  Retention() = default;
  std::chrono::days runs{90};   // each run by itself
  std::chrono::days sums{365};  // what was added up
};

// What is told apart in sums; they are taken together with |.
enum class By : unsigned { nothing = 0, hour = 1, key = 2, language = 4 };
constexpr By operator|(By one, By other) {
  return static_cast<By>(static_cast<unsigned>(one) | static_cast<unsigned>(other));
}
constexpr bool has(By all, By one) { return (static_cast<unsigned>(all) & static_cast<unsigned>(one)) != 0; }

class History {
 public:
  virtual ~History() = default;

  struct Batch {
    Batch() = default;
    std::vector<RunRecord> runs;
    bool details = true;            // sums by key and language are kept
    std::map<Hour, Counts> counts;  // by the hour in which they were counted
  };
  // All of it, or nothing when it fails. `batch` is there until then.
  virtual awaitable<void> add(const Batch& batch) = 0;

  // Sums over the hours that begin in `span`, of one key or, when `key` is empty, of all; in no order. Of what is not told apart a
  // cell says nothing. Hours and languages are not told apart together.
  virtual awaitable<Cells> cells(Span span, std::string key, By by) = 0;

  // What was counted in each of these hours, and since ever.
  virtual awaitable<std::map<Hour, Counts>> counts(Span span) = 0;
  virtual awaitable<Counts> all_counts() = 0;

  // Removes what is older than its retention. To be called now and then.
  virtual awaitable<void> prune(std::chrono::system_clock::time_point now) = 0;
};

// What a run adds to the totals of its hour, key and language.
Totals totals_of(const RunRecord& run);
Cell cell_of(const RunRecord& run);
// Of many cells one for each of what is told apart.
Cells gathered(const Cells& cells, By by);

}  // namespace ci::metrics
