#include "metrics/tally.h"

#include <fmt/format.h>

#include <charconv>

#include "metrics/buckets.h"
#include "metrics/history.h"

namespace ci::metrics {

void count(Counts& counts, const RunRecord& run) {
  const Totals totals = totals_of(run);
  counts["runs"] += 1;
  counts["runs succeeded"] += totals.succeeded;
  counts["runs failed"] += totals.failed;
  counts["runs timed out"] += totals.timed_out;
  counts["runs time"] += totals.time_us;
  counts["runs memory"] += totals.memory_kb;
  counts["language|" + run.language] += 1;
  counts[fmt::format("run time|{}", bucket_of(latency_bounds, seconds(run.total_time)))] += 1;
  if (run.peak_memory > 0) {
    counts[fmt::format("run memory|{}", bucket_of(size_bounds, static_cast<double>(run.peak_memory)))] += 1;
  }
}

void count(Counts& counts, const RequestRecord& request) {
  counts["requests"] += 1;
  counts["requests failed"] += request.status >= 400;
  counts["requests time"] += request.time.count();
  counts["endpoint|" + request.route] += 1;
  counts[fmt::format("status|{}", request.status)] += 1;
  counts[fmt::format("request time|{}", bucket_of(latency_bounds, seconds(request.time)))] += 1;
}

void count(Counts& counts, const pool::PoolStatistics& before, const pool::PoolStatistics& now) {
  const auto add = [&](const char* name, auto field) {
    if (const auto more = static_cast<std::int64_t>(field(now) - field(before)); more > 0) counts[name] += more;
  };
  add("pool acquisitions", [](const auto& pool) { return pool.acquisitions; });
  add("pool hits", [](const auto& pool) { return pool.hits; });
  add("pool misses", [](const auto& pool) { return pool.misses; });
  add("pool exhaustions", [](const auto& pool) { return pool.exhaustions; });
  add("pool refusals", [](const auto& pool) { return pool.refusals; });
  add("pool waits", [](const auto& pool) { return pool.waits; });
  add("pool acquire time", [](const auto& pool) { return pool.acquire_time.count(); });
  add("pool wait time", [](const auto& pool) { return pool.wait_time.count(); });
}

void add(Counts& counts, const Counts& others) {
  for (const auto& [name, count] : others) counts[name] += count;
}

Counts sum_of(const std::map<Hour, Counts>& hours) {
  Counts all;
  for (const auto& [hour, counts] : hours) add(all, counts);
  return all;
}

std::int64_t value_of(const Counts& counts, std::string_view name) {
  const auto found = counts.find(std::string(name));
  return found == counts.end() ? 0 : found->second;
}

Counts group_of(const Counts& counts, std::string_view group) {
  Counts found;
  for (const auto& [name, count] : counts) {
    if (name.size() > group.size() && name.starts_with(group) && name[group.size()] == '|') {
      found[name.substr(group.size() + 1)] = count;
    }
  }
  return found;
}

std::vector<std::uint64_t> buckets_of(const Counts& counts, std::string_view group, std::size_t buckets) {
  std::vector<std::uint64_t> found(buckets);
  for (const auto& [name, count] : group_of(counts, group)) {
    std::size_t number = buckets;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number < buckets) found[number] += static_cast<std::uint64_t>(count);
  }
  return found;
}

}  // namespace ci::metrics
