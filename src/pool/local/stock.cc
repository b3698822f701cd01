#include "pool/local/stock.h"

#include <algorithm>
#include <cmath>

namespace ci::pool {

namespace {

constexpr std::chrono::duration<double> fading(10);
constexpr auto linger = std::chrono::minutes(2);
constexpr double burst_share = 4;  // one more warm sandbox for so many recent arrivals

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
  Planner(std::span<const KindState> states, const StockLimits& limits) : limits_(limits) {
    for (const KindState& state : states) {
      rows_.push_back({&state, stock_target(state, limits), state.warm + state.creating, state.creating, state.warm});
      if (state.proven) in_flight_ += state.creating;
    }
  }

  StockPlan plan() {
    for (Row& row : rows_) serve_waiting(row);
    while (memory() > limits_.memory_bytes && drop_one()) {
    }
    while (Row* row = in_flight_ < limits_.parallel ? neediest() : nullptr) create(*row);
    for (const Row& row : rows_) {
      if (row.droppable > 0 && row.present > row.target) plan_.surplus.push_back(row.state->kind);
    }
    return std::move(plan_);
  }

 private:
  int parallel_of(const Row& row) const {
    if (!row.state->proven) return 1;
    return row.state->slow ? std::min(limits_.slow_parallel, limits_.parallel) : limits_.parallel;
  }

  void serve_waiting(Row& row) {
    if (row.state->resting) return;
    const int wanted = std::min(row.state->waiting, parallel_of(row));
    while (row.making < wanted) create(row);
  }

  // The one that lacks most of its target and may be made; of two alike the smaller.
  Row* neediest() {
    Row* best = nullptr;
    for (Row& row : rows_) {
      if (row.state->resting || row.present >= row.target || row.making >= parallel_of(row)) continue;
      if (best != nullptr && (row.fill() > best->fill() || (row.fill() == best->fill() && row.state->memory >= best->state->memory))) {
        continue;
      }
      if (fits(row)) best = &row;
    }
    return best;
  }

  // Demand takes room from kinds that nobody asked for.
  bool fits(const Row& row) {
    int count = 0;
    for (const Row& other : rows_) count += other.present;
    if (count < limits_.most_warm && memory() + row.state->memory <= limits_.memory_bytes) return true;
    if (row.state->lingers && row.present == 0 && drop_one()) return memory() + row.state->memory <= limits_.memory_bytes;
    return false;
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
    for (const Row& row : rows_) sum += row.memory();
    return sum;
  }

  void create(Row& row) {
    ++row.present;
    ++row.making;
    if (row.state->proven) ++in_flight_;
    plan_.create.push_back(row.state->kind);
  }

  void drop(Row& row) {
    --row.present;
    --row.droppable;
    plan_.drop.push_back(row.state->kind);
  }

  const StockLimits& limits_;
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
  const double share = state.recent / burst_share;
  const int wanted = state.floor + static_cast<int>(std::min<double>(share, limits.most_warm));
  return std::min(std::max(wanted, state.lingers ? 1 : 0), limits.most_warm);
}

StockPlan plan_stock(std::span<const KindState> states, const StockLimits& limits) {
  return Planner(states, limits).plan();
}

}  // namespace ci::pool
