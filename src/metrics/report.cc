#include "metrics/report.h"

#include <fmt/format.h>

#include "metrics/buckets.h"

namespace ci::metrics {

namespace json = boost::json;

namespace {

constexpr double bytes_of_megabyte = 1 << 20;

double percent(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
}

double average_ms(std::int64_t microseconds, std::int64_t count) {
  return count == 0 ? 0 : static_cast<double>(microseconds) / 1000 / static_cast<double>(count);
}

json::object hourly(const std::map<Hour, Counts>& recent, std::string_view name) {
  json::object object;
  for (const auto& [hour, counts] : recent) {
    if (const std::int64_t count = value_of(counts, name); count > 0) object[text_of(hour)] = count;
  }
  return object;
}

json::object counts_object(const Counts& counts) {
  json::object object;
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

// In units of `unit` of the bounds.
json::object percentiles(const Counts& all, std::string_view group, std::span<const double> bounds, double unit) {
  const std::vector<std::uint64_t> counts = buckets_of(all, group, bounds.size() + 1);
  json::object object;
  for (const int part : {50, 90, 95, 99}) {
    object[fmt::format("p{}", part)] = quantile(bounds, counts, part / 100.0) / unit;
  }
  return object;
}

constexpr double millisecond = 0.001;

}  // namespace

json::object execution_time_percentiles(const Counts& counts) {
  return percentiles(counts, "run time", latency_bounds, millisecond);
}

json::object execution_statistics(const Counts& all, const std::map<Hour, Counts>& recent) {
  const std::int64_t runs = value_of(all, "runs");
  const std::int64_t succeeded = value_of(all, "runs succeeded"), failed = value_of(all, "runs failed");
  const std::int64_t timed_out = value_of(all, "runs timed out");
  json::object object;
  object["total_executions"] = runs;
  object["successful_executions"] = succeeded;
  object["failed_executions"] = failed;
  object["timeout_executions"] = timed_out;
  object["total_execution_time_ms"] = average_ms(value_of(all, "runs time"), 1);
  object["total_memory_usage_mb"] = static_cast<double>(value_of(all, "runs memory")) / 1024;
  object["language_counts"] = counts_object(group_of(all, "language"));
  object["hourly_executions"] = hourly(recent, "runs");
  if (runs > 0) {
    object["success_rate"] = percent(succeeded, runs);
    object["failure_rate"] = percent(failed, runs);
    object["timeout_rate"] = percent(timed_out, runs);
  }
  object["execution_time_percentiles"] = execution_time_percentiles(all);
  object["memory_usage_percentiles"] = percentiles(all, "run memory", size_bounds, bytes_of_megabyte);
  return object;
}

json::object api_statistics(const Counts& all, const std::map<Hour, Counts>& recent) {
  const std::int64_t requests = value_of(all, "requests"), failed = value_of(all, "requests failed");
  json::object object;
  object["total_requests"] = requests;
  object["successful_requests"] = requests - failed;
  object["error_requests"] = failed;
  object["total_response_time_ms"] = average_ms(value_of(all, "requests time"), 1);
  object["endpoint_counts"] = counts_object(group_of(all, "endpoint"));
  object["status_code_counts"] = counts_object(group_of(all, "status"));
  object["hourly_requests"] = hourly(recent, "requests");
  object["response_time_percentiles"] = percentiles(all, "request time", latency_bounds, millisecond);
  return object;
}

json::object pool_statistics(const Counts& counts) {
  const std::int64_t acquisitions = value_of(counts, "pool acquisitions"), hits = value_of(counts, "pool hits");
  const std::int64_t waits = value_of(counts, "pool waits");
  json::object object;
  object["total_acquisitions"] = acquisitions;
  object["pool_hits"] = hits;
  object["pool_misses"] = value_of(counts, "pool misses");
  object["hit_rate"] = percent(hits, acquisitions);
  object["avg_acquire_time_ms"] = average_ms(value_of(counts, "pool acquire time"), acquisitions);
  object["exhaustion_events"] = value_of(counts, "pool exhaustions");
  object["refusals"] = value_of(counts, "pool refusals");
  object["waits"] = waits;
  object["avg_wait_time_ms"] = average_ms(value_of(counts, "pool wait time"), waits);
  return object;
}

json::object pool_now(const pool::PoolStatistics& pool) {
  pool::LanguageStatistics sum;
  json::object languages;
  for (const auto& [code, one] : pool.languages) {
    json::object& entry = languages[code].emplace_object();
    entry["available"] = one.available;
    entry["in_use"] = one.in_use;
    entry["creating"] = one.creating;
    entry["target_size"] = one.target;
    sum.available += one.available;
    sum.in_use += one.in_use;
    sum.creating += one.creating;
    sum.target += one.target;
  }
  json::object object;
  object["available"] = sum.available;
  object["in_use"] = sum.in_use;
  object["creating"] = sum.creating;
  object["target_size"] = sum.target;
  object["waiting"] = pool.waiting;
  // Of the sandboxes that there are, how many run a program.
  object["utilization"] =
      percent(static_cast<std::int64_t>(sum.in_use), static_cast<std::int64_t>(sum.in_use + sum.available));
  object["languages"] = std::move(languages);
  return object;
}

double error_rate(const Totals& totals) { return percent(totals.failed + totals.timed_out, totals.runs); }

json::object describe_language(const std::string& language, const Totals& totals) {
  json::object object;
  object["language"] = language;
  object["execution_count"] = totals.runs;
  object["success_count"] = totals.succeeded;
  object["failure_count"] = totals.failed;
  object["timeout_count"] = totals.timed_out;
  object["total_execution_time_ms"] = average_ms(totals.time_us, 1);
  object["total_memory_mb"] = static_cast<double>(totals.memory_kb) / 1024;
  object["avg_execution_time_ms"] = totals.average_time_ms();
  object["avg_memory_mb"] =
      totals.runs == 0 ? 0 : static_cast<double>(totals.memory_kb) / 1024 / static_cast<double>(totals.runs);
  object["error_rate"] = error_rate(totals);
  return object;
}

json::object describe_key_use(const std::string& key, const Totals& totals) {
  json::object object;
  object["api_key_hash"] = key;
  object["execution_count"] = totals.runs;
  object["success_count"] = totals.succeeded;
  object["failure_count"] = totals.failed;
  object["total_execution_time_ms"] = average_ms(totals.time_us, 1);
  object["total_memory_mb"] = static_cast<double>(totals.memory_kb) / 1024;
  object["file_operations"] = totals.files;
  object["success_rate"] = totals.success_rate();
  return object;
}

}  // namespace ci::metrics
