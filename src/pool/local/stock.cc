#include "pool/local/stock.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ci::pool {

namespace {

constexpr std::chrono::duration<double> fading(10);
constexpr auto linger = std::chrono::minutes(2);
constexpr double burst_share = 4;  // one more warm sandbox for so many recent arrivals
constexpr double most_for_bursts = 4;
// Above that, those that arrive twice over while one is made, which a busy machine takes longer for.
constexpr double safety = 2;
constexpr std::chrono::duration<double> delay = std::chrono::milliseconds(50);

// What is there or will be, while a plan is made.
struct Row {
  const KindState* state;
  int target;
  int present;  // warm and not dropped, or being made
  int making;
  int droppable;  // warm and not dropped

  double fill() const { return static_cast<double>(present) / target; }
  std::uint64_t memory() const { return static_cast<std::uint64_t>(present) * state->memory; }
};

class Planner {
 public:
  Planner(std::span<const KindState> states, const StockLimits& limits) : limits_(limits), ahead_(limits.parallel) {
    double recent = 0;
    for (const KindState& state : states) {
      recent += state.recent;
      rows_.push_back({&state, stock_target(state, limits), state.warm + state.creating, state.creating, state.warm});
      if (state.proven) in_flight_ += state.creating;
    }
    if (recent >= 1) ahead_ = std::min(2 * limits.slow_parallel, limits.parallel);
  }

  StockPlan plan() {
    for (Row& row : rows_) serve_waiting(row);
    while (memory() > limits_.memory_bytes && drop_one()) {
    }
    while (Row* row = in_flight_ < ahead_ ? neediest() : nullptr) create(*row, false);
    for (const Row& row : rows_) {
      if (row.droppable > 0 && row.present > row.target) plan_.surplus.push_back(row.state->kind);
    }
    return std::move(plan_);
  }

 private:
  int parallel_of(const Row& row, bool awaited) const {
    if (!row.state->proven) return 1;
    if (!row.state->slow) return limits_.parallel;
    return awaited ? std::max(limits_.slow_awaited, limits_.slow_parallel)
                   : std::min(limits_.slow_parallel, limits_.parallel);
  }

  void serve_waiting(Row& row) {
    if (row.state->resting) return;
    const int wanted = std::min(row.state->waiting, parallel_of(row, true));
    // One of a slow kind that is on its way to the shelf takes longer than one that is awaited from its beginning.
    int coming = row.state->proven && row.state->slow ? row.state->awaited : row.making;
    for (; coming < wanted; ++coming) create(row, true);
  }

  // The one that lacks most of its target and may be made; of two alike the smaller.
  Row* neediest() {
    std::vector<Row*> rows;
    for (Row& row : rows_) {
      if (!row.state->resting && row.present < row.target && row.making < parallel_of(row, false)) rows.push_back(&row);
    }
    std::ranges::stable_sort(rows, {}, [](const Row* row) { return std::pair(row->fill(), row->state->memory); });
    const auto found = std::ranges::find_if(rows, [this](const Row* row) { return fits(*row) || make_room(*row); });
    return found == rows.end() ? nullptr : *found;
  }

  bool fits(const Row& row) const {
    int count = 0;
    for (const Row& other : rows_) count += other.present;
    return count < limits_.most_warm && memory() + row.state->memory <= limits_.memory_bytes;
  }

  // Demand takes room from kinds that nobody asks for, and from those that have more than they need for a moment: what was
  // asked for most a minute ago may not keep all others from being warm.
  bool make_room(const Row& row) {
    if (!row.state->lingers) return false;
    if (row.present == 0) return drop_one() && fits(row);
    Row* most = nullptr;
    for (Row& other : rows_) {
      if (other.droppable > 0 && (most == nullptr || other.present > most->present)) most = &other;
    }
    if (most == nullptr || most->present < row.present + 2) return false;
    drop(*most);
    return fits(row);
  }

  // The largest of those that nobody asked for, else the largest that has more than one.
  bool drop_one() {
    Row* victim = nullptr;
    const auto rank = [](const Row& row) { return std::pair(!row.state->lingers, row.state->memory); };
    for (Row& row : rows_) {
      if (row.droppable == 0 || (row.state->lingers && row.present < 2)) continue;
      if (victim == nullptr || rank(row) > rank(*victim)) victim = &row;
    }
    if (victim == nullptr) return false;
    drop(*victim);
    return true;
  }

  std::uint64_t memory() const {
    std::uint64_t sum = 0;
    for (const Row& row : rows_) sum += row.memory() + row.state->leased_memory;
    return sum;
  }

  void create(Row& row, bool awaited) {
    ++row.present;
    ++row.making;
    if (row.state->proven) ++in_flight_;
    plan_.create.push_back({row.state->kind, awaited});
  }

  void drop(Row& row) {
    --row.present;
    --row.droppable;
    plan_.drop.push_back(row.state->kind);
  }

  const StockLimits& limits_;
  int ahead_;  // made at a time that nobody waits for: while there are runs, these are to have most of the processors
  std::vector<Row> rows_;
  int in_flight_ = 0;
  StockPlan plan_;
};

}  // namespace

void DemandMeter::arrival(Clock::time_point now) {
  count_ = recent(now) + 1;
  last_ = now;
}

double DemandMeter::recent(Clock::time_point now) const {
  if (count_ == 0) return 0;
  return count_ * std::exp(-std::chrono::duration<double>(now - last_).count() / fading.count());
}

bool DemandMeter::lingers(Clock::time_point now) const { return count_ > 0 && now - last_ < linger; }

int stock_target(const KindState& state, const StockLimits& limits) {
  const double rate = state.recent / fading.count();
  const double steady = rate * safety * (std::chrono::duration<double>(state.making_time) + delay).count();
  const double share = std::min(state.recent / burst_share, most_for_bursts + steady);
  const int wanted = state.floor + static_cast<int>(std::min<double>(share, limits.most_warm));
  return std::min(std::max(wanted, state.lingers ? 1 : 0), limits.most_warm);
}

StockPlan plan_stock(std::span<const KindState> states, const StockLimits& limits) {
  return Planner(states, limits).plan();
}

}  // namespace ci::pool
