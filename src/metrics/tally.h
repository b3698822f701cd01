#pragma once
// Counts by name, of each hour and since ever: what the JSON figures are made of. Names are few and of our making, so that stores
// that are shared by many replicas can add up what each has counted.

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/run_record.h"
#include "metrics/totals.h"
#include "pool/sandbox_pool.h"

namespace ci::metrics {

using Counts = std::map<std::string, std::int64_t>;

// A request that was answered.
struct RequestRecord {
  RequestRecord() = default;
  std::string route;  // "POST /exec": bounded in number, unlike paths
  int status = 200;
  std::chrono::microseconds time{0};
  std::string trace_id;  // empty: none
};

// What each adds. Runs that were cancelled count as neither success nor failure.
void count(Counts& counts, const RunRecord& run);
void count(Counts& counts, const RequestRecord& request);
// What the pool has done between two looks.
void count(Counts& counts, const pool::PoolStatistics& before, const pool::PoolStatistics& now);

void add(Counts& counts, const Counts& others);
Counts sum_of(const std::map<Hour, Counts>& hours);
std::int64_t value_of(const Counts& counts, std::string_view name);
// Names that begin with "<group>|", without that.
Counts group_of(const Counts& counts, std::string_view group);
// How often each bucket of "<group>|<number>" was hit.
std::vector<std::uint64_t> buckets_of(const Counts& counts, std::string_view group, std::size_t buckets);

}  // namespace ci::metrics
