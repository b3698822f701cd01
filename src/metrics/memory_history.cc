#include "metrics/memory_history.h"

#include <algorithm>

namespace ci::metrics {

namespace {

using std::chrono::system_clock;

constexpr std::chrono::days kept{8};

class MemoryHistory final : public History {
 public:
  awaitable<void> add(const Batch& batch) override {
    for (const RunRecord& run : batch.runs) {
      if (batch.details) cells_.push_back(cell_of(run));
    }
    cells_ = gathered(cells_, By::hour | By::key | By::language);
    for (const auto& [hour, counts] : batch.counts) {
      metrics::add(counts_[hour], counts);
      metrics::add(all_, counts);
    }
    co_return;
  }

  awaitable<Cells> cells(Span span, std::string key, By by) override {
    Cells found;
    for (const Cell& cell : cells_) {
      if (cell.hour < std::chrono::floor<std::chrono::hours>(span.begin) || cell.hour >= span.end) continue;
      if (key.empty() || cell.key == key) found.push_back(cell);
    }
    co_return gathered(found, by);
  }

  awaitable<std::map<Hour, Counts>> counts(Span span) override {
    std::map<Hour, Counts> found;
    for (const auto& [hour, counts] : counts_) {
      if (hour >= std::chrono::floor<std::chrono::hours>(span.begin) && hour < span.end) found[hour] = counts;
    }
    co_return found;
  }
  awaitable<Counts> all_counts() override { co_return all_; }

  awaitable<void> prune(system_clock::time_point now) override {
    std::erase_if(cells_, [&](const Cell& cell) { return cell.hour < now - kept; });
    std::erase_if(counts_, [&](const auto& entry) { return entry.first < now - kept; });
    co_return;
  }

 private:
  Cells cells_;
  std::map<Hour, Counts> counts_;
  Counts all_;
};

}  // namespace

std::unique_ptr<History> open_memory_history() { return std::make_unique<MemoryHistory>(); }

}  // namespace ci::metrics
