#include "access/key_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/failure.h"
#include "base/ids.h"
#include "base/sha256.h"
#include "base/time_text.h"
#include "base/words.h"

namespace ci::access {

namespace {

using std::chrono::system_clock;
using store::Fields;
using store::Write;

constexpr std::string_view index_key = "api_keys:index";
constexpr std::string_view environment_index_key = "api_keys:env_index";
constexpr int prefix_letters = 11;

// The names of the fields of RateLimits' periods, in their order.
constexpr std::array<std::string_view, all_periods.size()> limit_fields = {
    "rate_limits_per_second", "rate_limits_per_minute", "rate_limits_hourly", "rate_limits_daily",
    "rate_limits_monthly"};

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Other tools store 0 for "no limit".
std::optional<std::int64_t> limit_of(std::string_view text) {
  const auto number = number_of(text);
  if (!number || *number <= 0) return std::nullopt;
  return number;
}

template <class Number>
std::string text_of(const std::optional<Number>& number) {
  return number ? fmt::format("{}", *number) : "";
}

void add_limits(Fields& fields, const RateLimits& limits) {
  for (const Period period : all_periods) {
    fields.emplace_back(limit_fields[static_cast<std::size_t>(period)], text_of(limits[period]));
  }
}

void add_ceilings(Fields& fields, const Ceilings& ceilings) {
  fields.emplace_back("max_concurrent_runs", text_of(ceilings.runs_at_once));
  std::optional<std::int64_t> seconds;
  if (ceilings.run_time) seconds = ceilings.run_time->count();
  fields.emplace_back("max_execution_seconds", text_of(seconds));
  fields.emplace_back("max_memory_bytes", text_of(ceilings.memory_bytes));
  fields.emplace_back("languages", fmt::format("{}", fmt::join(ceilings.languages, ",")));
  fields.emplace_back("package_sets", fmt::format("{}", fmt::join(ceilings.package_sets, ",")));
}

Fields fields_of(const KeyRecord& record) {
  Fields fields = {
      {"key_hash", record.hash},
      {"key_prefix", record.prefix},
      {"name", record.name},
      {"created_at", iso_time(record.created)},
      {"enabled", record.enabled ? "true" : "false"},
      {"metadata", record.metadata},
      {"last_used_at", record.last_used ? iso_time(*record.last_used) : ""},
      {"usage_count", std::to_string(record.uses)},
      {"source", record.of_environment ? "environment" : "managed"}};
  add_limits(fields, record.limits);
  add_ceilings(fields, record.ceilings);
  return fields;
}

// Whoever wrote it: what is missing or cannot be read has its plainest meaning, but a key that does not say that it is
// enabled is not.
KeyRecord record_of(const std::string& hash, const Fields& fields) {
  const std::map<std::string, std::string> values(fields.begin(), fields.end());
  const auto text = [&](std::string_view name) -> std::string {
    const auto found = values.find(std::string(name));
    return found == values.end() ? "" : found->second;
  };
  KeyRecord record;
  record.hash = hash;
  record.prefix = text("key_prefix");
  record.name = text("name");
  record.created = parse_iso_time(text("created_at")).value_or(system_clock::time_point());
  const std::string enabled = text("enabled");
  record.enabled = enabled == "true" || enabled == "True" || enabled == "1";
  for (const Period period : all_periods) {
    record.limits[period] = limit_of(text(limit_fields[static_cast<std::size_t>(period)]));
  }
  record.ceilings.runs_at_once = limit_of(text("max_concurrent_runs"));
  if (const auto seconds = limit_of(text("max_execution_seconds")))
    record.ceilings.run_time = std::chrono::seconds(*seconds);
  if (const auto bytes = limit_of(text("max_memory_bytes")))
    record.ceilings.memory_bytes = static_cast<std::uint64_t>(*bytes);
  record.ceilings.languages = words_of(text("languages"));
  record.ceilings.package_sets = words_of(text("package_sets"));
  if (const std::string metadata = text("metadata"); !metadata.empty()) record.metadata = metadata;
  record.last_used = parse_iso_time(text("last_used_at"));
  record.uses = number_of(text("usage_count")).value_or(0);
  record.of_environment = text("source") == "environment";
  return record;
}

// Other programs of the same store may remember that a key is valid.
std::string remembered_key(std::string_view hash) { return fmt::format("api_keys:valid:{}", hash.substr(0, 16)); }

bool is_hash(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c); });
}

}  // namespace

std::string hash_of_key(std::string_view key) { return sha256_hex(key); }
std::string short_hash_of_key(std::string_view key) { return sha256_hex(key).substr(0, 16); }

std::string KeyRecords::record_key(std::string_view hash) { return fmt::format("api_keys:records:{}", hash); }

std::string KeyRecords::counter_key(std::string_view short_hash, const Window& window) {
  return fmt::format("api_keys:usage:{}:{}", short_hash, window.name);
}

awaitable<std::optional<KeyRecord>> KeyRecords::find(std::string hash) {
  if (!is_hash(hash)) co_return std::nullopt;
  const auto fields = co_await store_.get_fields(record_key(hash));
  if (!fields) co_return std::nullopt;
  co_return record_of(hash, *fields);
}

awaitable<std::vector<KeyRecord>> KeyRecords::read(std::vector<std::string> hashes) {
  std::vector<std::string> keys;
  for (const std::string& hash : hashes) keys.push_back(record_key(hash));
  const auto found = co_await store_.get_fields_of_all(std::move(keys));
  std::vector<KeyRecord> records;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (found[i]) records.push_back(record_of(hashes[i], *found[i]));
  }
  std::ranges::stable_sort(records, {}, [](const KeyRecord& record) { return std::pair(record.created, record.hash); });
  co_return records;
}

awaitable<std::vector<KeyRecord>> KeyRecords::list() {
  std::vector<KeyRecord> all = co_await read(co_await store_.members(std::string(environment_index_key)));
  std::vector<KeyRecord> managed = co_await read(co_await store_.members(std::string(index_key)));
  std::ranges::stable_sort(all, {}, &KeyRecord::name);
  std::ranges::move(managed, std::back_inserter(all));
  co_return all;
}

awaitable<std::optional<KeyRecord>> KeyRecords::find_by_id(std::string id) {
  while (id.ends_with('.')) id.pop_back();  // as tools print a shortened one
  if (is_hash(id)) co_return co_await find(id);
  std::optional<KeyRecord> found;
  for (KeyRecord& record : co_await list()) {
    const bool meant = id.size() >= 4 &&
                       (record.hash.starts_with(id) || record.prefix.starts_with(id) || id.starts_with(record.prefix));
    if (!meant) continue;
    if (found) throw Failure(FailureKind::invalid, fmt::format("\"{}\" means several keys: give more of its hash", id));
    found = std::move(record);
  }
  co_return found;
}

awaitable<KeyRecords::Created> KeyRecords::create(KeyChange wanted) {
  Created created;
  created.key = "sk-" + random_token(24);
  KeyRecord& record = created.record;
  record.hash = hash_of_key(created.key);
  record.prefix = created.key.substr(0, prefix_letters);
  record.name = wanted.name.value_or("");
  record.created = system_clock::now();
  record.enabled = wanted.enabled.value_or(true);
  record.limits = wanted.limits.value_or(RateLimits());
  record.ceilings = wanted.ceilings.value_or(Ceilings());
  record.metadata = wanted.metadata.value_or("{}");
  std::vector<Write> writes;
  writes.push_back(Write::set_fields(record_key(record.hash), fields_of(record)));
  writes.push_back(Write::add_member(std::string(index_key), record.hash));
  co_await store_.write(std::move(writes));
  co_return created;
}

awaitable<bool> KeyRecords::update(std::string hash, KeyChange change) {
  const auto record = co_await find(hash);
  if (!record) co_return false;
  if (record->of_environment) throw Failure(FailureKind::invalid, "keys of the environment are changed there");
  // Only what changes: uses are counted at the same time.
  Fields fields;
  if (change.name) fields.emplace_back("name", *change.name);
  if (change.enabled) fields.emplace_back("enabled", *change.enabled ? "true" : "false");
  if (change.limits) add_limits(fields, *change.limits);
  if (change.ceilings) add_ceilings(fields, *change.ceilings);
  if (change.metadata) fields.emplace_back("metadata", *change.metadata);
  std::vector<Write> writes;
  writes.push_back(Write::set_fields(record_key(hash), std::move(fields)));
  writes.push_back(Write::remove(remembered_key(hash)));
  co_await store_.write(std::move(writes));
  co_return true;
}

awaitable<bool> KeyRecords::revoke(std::string hash) {
  const auto record = co_await find(hash);
  if (!record) co_return false;
  if (record->of_environment) throw Failure(FailureKind::invalid, "keys of the environment are removed there");
  std::vector<Write> writes;
  writes.push_back(Write::remove(record_key(hash)));
  writes.push_back(Write::remove(remembered_key(hash)));
  writes.push_back(Write::remove_member(std::string(index_key), hash));
  co_await store_.write(std::move(writes));
  co_return true;
}

awaitable<void> KeyRecords::show_environment(std::vector<std::string> keys) {
  std::vector<std::string> hashes;
  for (const std::string& key : keys) hashes.push_back(hash_of_key(key));
  std::vector<Write> writes;
  for (const std::string& old : co_await store_.members(std::string(environment_index_key))) {
    if (std::ranges::find(hashes, old) != hashes.end()) continue;
    writes.push_back(Write::remove(record_key(old)));
    writes.push_back(Write::remove(remembered_key(old)));
    writes.push_back(Write::remove_member(std::string(environment_index_key), old));
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto before = co_await find(hashes[i]);
    KeyRecord record = before.value_or(KeyRecord());
    if (!before) record.created = system_clock::now();
    record.hash = hashes[i];
    record.prefix = keys[i].substr(0, prefix_letters);
    record.name = i == 0 ? "Environment Key (API_KEY)" : fmt::format("Environment Key (API_KEYS #{})", i);
    record.enabled = true;
    record.limits = RateLimits();
    record.ceilings = Ceilings();
    record.of_environment = true;
    writes.push_back(Write::set_fields(record_key(record.hash), fields_of(record)));
    writes.push_back(Write::add_member(std::string(environment_index_key), record.hash));
  }
  co_await store_.write(std::move(writes));
}

awaitable<std::vector<std::int64_t>> usage_of(
    store::KeyValueStore& store, std::string short_hash, system_clock::time_point time) {
  std::vector<std::int64_t> used;
  for (const Period period : all_periods) {
    const auto text = co_await store.get(KeyRecords::counter_key(short_hash, window_at(period, time)));
    used.push_back(number_of(text.value_or("0")).value_or(0));
  }
  co_return used;
}

}  // namespace ci::access
