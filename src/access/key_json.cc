#include "access/key_json.h"

#include <algorithm>

#include "base/time_text.h"

namespace ci::access {

namespace json = boost::json;

namespace {

template <class Number>
json::value number_or_null(const std::optional<Number>& number) {
  if (!number) return nullptr;
  return json::value(*number);
}

json::value parsed_metadata(const std::string& text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) return json::object();
  return value;
}

}  // namespace

json::object describe_key(const KeyRecord& record) {
  json::object object;
  object["key_hash"] = record.hash;
  object["key_prefix"] = record.prefix;
  object["name"] = record.name;
  object["created_at"] = iso_time(record.created);
  object["enabled"] = record.enabled;
  json::object& limits = object["rate_limits"].emplace_object();
  for (const Period period : all_periods) limits[name_of(period)] = number_or_null(record.limits[period]);
  json::object& ceilings = object["ceilings"].emplace_object();
  ceilings["max_concurrent_runs"] = number_or_null(record.ceilings.runs_at_once);
  ceilings["max_execution_seconds"] = nullptr;
  if (record.ceilings.run_time) ceilings["max_execution_seconds"] = record.ceilings.run_time->count();
  ceilings["max_memory_mb"] = nullptr;
  if (record.ceilings.memory_bytes) ceilings["max_memory_mb"] = *record.ceilings.memory_bytes >> 20;
  const std::vector<std::string>& languages = record.ceilings.languages;
  ceilings["languages"] = json::array(languages.begin(), languages.end());
  const std::vector<std::string>& sets = record.ceilings.package_sets;
  ceilings["package_sets"] = json::array(sets.begin(), sets.end());
  object["metadata"] = parsed_metadata(record.metadata);
  object["last_used_at"] = nullptr;
  if (record.last_used) object["last_used_at"] = iso_time(*record.last_used);
  object["usage_count"] = record.uses;
  object["source"] = record.of_environment ? "environment" : "managed";
  return object;
}

json::object describe_usage(
    const RateLimits& limits, std::span<const std::int64_t> used, std::chrono::system_clock::time_point time) {
  json::object object;
  for (const Period period : all_periods) {
    const std::int64_t count = used[static_cast<std::size_t>(period)];
    json::object& entry = object[name_of(period)].emplace_object();
    entry["used"] = count;
    entry["limit"] = number_or_null(limits[period]);
    entry["remaining"] = nullptr;
    if (limits[period]) entry["remaining"] = std::max<std::int64_t>(*limits[period] - count, 0);
    entry["resets_at"] = iso_time(window_at(period, time).end);
  }
  return object;
}

}  // namespace ci::access
