#pragma once
// How many warm sandboxes of each kind there should be, and what to make or end next. Pure: the pool tells what is, and
// does what the plan says.

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ci::pool {

using Clock = std::chrono::steady_clock;

// How much a kind was asked for lately: a count of arrivals in which each fades with a time constant of ten seconds.
class DemandMeter {
 public:
  void arrival(Clock::time_point now);
  double recent(Clock::time_point now) const;
  // Asked for so lately that the next one should not find nothing.
  bool lingers(Clock::time_point now) const;

 private:
  double count_ = 0;
  Clock::time_point last_{};
};

struct KindState {
  std::string kind;
  int floor = 0;  // warm ones to keep without any demand
  int warm = 0, creating = 0;
  int awaited = 0;    // of those being created: for who waits, see Creation
  int waiting = 0;    // requests
  double recent = 0;  // arrivals, see DemandMeter
  bool lingers = false;
  bool proven = false;   // one of it has been ready before
  bool resting = false;  // failed a moment ago: nothing is made for now
  bool slow = false;     // making one takes so much that its neighbours would feel several
  Clock::duration making_time{0};
  std::uint64_t memory = 0;         // bytes of one that waits
  std::uint64_t leased_memory = 0;  // of all that are on loan; those that stand still hold what they have used
};

struct StockLimits {
  int parallel = 5;       // made at the same time, per kind for those who wait, of all kinds otherwise
  int slow_parallel = 1;  // of a slow kind that nobody waits for; twice as many of all kinds while there are runs
  int slow_awaited = 2;   // of a slow kind, for those who wait: as many as there are processors
  int most_warm = 48;     // of all kinds together
  std::uint64_t memory_bytes = 1u << 30;  // of all that is warm, being made in advance or on loan
};

// Warm sandboxes that the kind should have: its floor, and a share of what came lately.
int stock_target(const KindState& state, const StockLimits& limits);

struct Creation {
  std::string kind;
  bool awaited;  // for somebody who waits, and not for the shelf
  bool operator==(const Creation&) const = default;
};

struct StockPlan {
  std::vector<Creation> create;      // in order; one for each sandbox
  std::vector<std::string> drop;     // warm ones to end now
  std::vector<std::string> surplus;  // one of each kind that has more than its target: to end now and then
};

// Those who wait come first, and never wait for the budget: what they get is not kept. Then the kind that lacks most of
// its target. Of a slow kind fewer are made at a time; one that was never ready is made alone, and takes no place of another's. What is above the
// budget ends at once, kinds that nobody asks for first.
StockPlan plan_stock(std::span<const KindState> states, const StockLimits& limits);

}  // namespace ci::pool
