#include "app/commands/keys_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "access/key_json.h"
#include "access/key_records.h"
#include "app/commands/print_json.h"
#include "app/commands/store_session.h"
#include "base/failure.h"
#include "base/package_set.h"
#include "base/table.h"
#include "base/time_text.h"
#include "base/words.h"
#include "languages/codes.h"

namespace ci::app {

namespace json = boost::json;
using access::KeyRecord;
using access::Period;
using std::chrono::system_clock;

namespace {

// Who can read the store could do without; but nobody should make a key on a server whose administration is off.
const Settings& with_master_key(const Settings& settings) {
  if (!settings.master_key.empty()) return settings;
  throw Failure(FailureKind::invalid, "MASTER_API_KEY is not set: set it as for the server");
}

struct KeySession : StoreSession {
  explicit KeySession(const Settings& settings) : StoreSession(with_master_key(settings)), keys(records()) {}
  access::KeyRecords keys;
};

std::string text_of(const std::optional<std::int64_t>& limit) { return limit ? std::to_string(*limit) : "unlimited"; }

std::string text_of_time(const std::optional<system_clock::time_point>& time) {
  return time ? iso_time(*time).substr(0, 19) : "never";
}

std::string title_of(Period period) {
  constexpr std::array titles = {"Per second", "Per minute", "Hourly", "Daily", "Monthly"};
  return titles[static_cast<std::size_t>(period)];
}

void print_record(const KeyRecord& record) {
  fmt::print("Name:        {}\nPrefix:      {}\nHash:        {}...\n", record.name, record.prefix, record.short_hash());
  fmt::print(
      "Enabled:     {}\nSource:      {}\n", record.enabled ? "yes" : "no",
      record.of_environment ? "environment" : "managed");
  for (const Period period : access::all_periods) {
    fmt::print("{:<12} {}\n", title_of(period) + ":", text_of(record.limits[period]));
  }
  const access::Ceilings& ceilings = record.ceilings;
  if (ceilings.runs_at_once) fmt::print("Concurrency: {}\n", *ceilings.runs_at_once);
  if (ceilings.run_time) fmt::print("Longest run: {} s\n", ceilings.run_time->count());
  if (ceilings.memory_bytes) fmt::print("Memory:      {} MB\n", *ceilings.memory_bytes >> 20);
  if (!ceilings.languages.empty()) fmt::print("Languages:   {}\n", fmt::join(ceilings.languages, ", "));
  if (!ceilings.package_sets.empty()) fmt::print("Packages:    {}\n", fmt::join(ceilings.package_sets, ", "));
}

std::optional<std::int64_t> limit_of(std::int64_t number) {
  if (number == 0) return std::nullopt;
  return number;
}

bool asks_for_a_change(const KeyOptions& options) {
  return !options.name.empty() || options.enable || options.disable || options.runs_at_once || options.run_seconds ||
         options.memory_megabytes || options.languages || options.package_sets || !options.metadata.empty() ||
         std::ranges::any_of(options.limits, [](const auto& limit) { return limit.has_value(); });
}

// What is not given stays as it is.
access::KeyChange change_of(const KeyOptions& options, const KeyRecord& before) {
  access::KeyChange change;
  if (!options.name.empty()) change.name = options.name;
  if (options.enable || options.disable) change.enabled = options.enable;
  access::RateLimits limits = before.limits;
  for (const Period period : access::all_periods) {
    if (const auto& given = options.limits[static_cast<std::size_t>(period)]) limits[period] = limit_of(*given);
  }
  if (limits != before.limits) change.limits = limits;
  access::Ceilings ceilings = before.ceilings;
  if (options.runs_at_once) ceilings.runs_at_once = limit_of(*options.runs_at_once);
  if (options.run_seconds) {
    ceilings.run_time.reset();
    if (*options.run_seconds > 0) ceilings.run_time = std::chrono::seconds(*options.run_seconds);
  }
  if (options.memory_megabytes) {
    ceilings.memory_bytes.reset();
    constexpr std::int64_t least = 64;  // as for MAX_MEMORY_MB
    if (*options.memory_megabytes > 0 && *options.memory_megabytes < least) {
      throw Failure(FailureKind::invalid, "--max-memory-mb: 64 or more, or 0 for the server's");
    }
    if (*options.memory_megabytes > 0)
      ceilings.memory_bytes = static_cast<std::uint64_t>(*options.memory_megabytes) << 20;
  }
  if (options.languages) {
    ceilings.languages.clear();
    for (const std::string& name : words_of(*options.languages)) {
      const languages::Language* language = languages::find(name);
      if (language == nullptr) {
        throw Failure(
            FailureKind::invalid,
            fmt::format("--languages: there is no \"{}\"; there are {}", name, languages::all_codes()));
      }
      ceilings.languages.emplace_back(language->code);
    }
  }
  if (options.package_sets) {
    ceilings.package_sets = words_of(*options.package_sets);
    for (const std::string& name : ceilings.package_sets) {
      if (is_package_set_name(name)) continue;
      throw Failure(
          FailureKind::invalid, fmt::format("--packages: \"{}\" is no name of a set: {}", name, package_set_names));
    }
  }
  if (ceilings != before.ceilings) change.ceilings = ceilings;
  if (!options.metadata.empty()) {
    json::object metadata;
    for (const std::string& entry : options.metadata) {
      const std::size_t equals = entry.find('=');
      if (equals == 0 || equals == entry.npos)
        throw Failure(FailureKind::invalid, fmt::format("--metadata {}: write name=value", entry));
      metadata[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
    change.metadata = json::serialize(metadata);
  }
  return change;
}

KeyRecord find(KeySession& session, const std::string& id) {
  const auto found = session.run(session.keys.find_by_id(id));
  if (!found)
    throw Failure(FailureKind::not_found, fmt::format("there is no key \"{}\"; `kubecoderun keys list` shows all", id));
  return *found;
}

void refuse_environment(const KeyRecord& record) {
  if (!record.of_environment) return;
  throw Failure(
      FailureKind::invalid, "this key is of the environment: change API_KEY or API_KEYS there and restart the server");
}

bool confirm(const KeyRecord& record) {
  if (::isatty(STDIN_FILENO) != 1)
    throw Failure(FailureKind::invalid, "nobody can be asked here: say --force to revoke the key");
  fmt::print("Revoke {} ({})? Whoever uses it is locked out. [y/N] ", record.name, record.prefix);
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace

int create_key(const Settings& settings, const KeyOptions& options) {
  access::KeyChange wanted = change_of(options, KeyRecord());
  KeySession session(settings);
  const auto created = session.run(session.keys.create(std::move(wanted)));
  if (options.json) {
    json::object object;
    object["api_key"] = created.key;
    object["record"] = access::describe_key(created.record);
    print_json(object);
    return 0;
  }
  fmt::print("Key:         {}\n", created.key);
  print_record(created.record);
  fmt::print("\nKeep the key now: it is not stored and cannot be shown again.\n");
  return 0;
}

int list_keys(const Settings& settings, const KeyOptions& options) {
  KeySession session(settings);
  const auto all = session.run(session.keys.list());
  if (options.json) {
    json::array list;
    for (const KeyRecord& record : all) list.push_back(access::describe_key(record));
    print_json(list);
    return 0;
  }
  if (all.empty()) {
    fmt::print("There are no keys yet; `kubecoderun keys create --name NAME` makes one.\n");
    return 0;
  }
  Table table;
  table.columns = {{"Prefix", true}, {"Name", true}, {"Enabled", true}, {"Per second"}, {"Per minute"},
                   {"Hourly"},       {"Daily"},      {"Monthly"},       {"Uses"},       {"Last Used", true}};
  for (const KeyRecord& record : all) {
    std::vector<std::string> row = {record.prefix, record.name, record.enabled ? "yes" : "no"};
    for (const Period period : access::all_periods) row.push_back(text_of(record.limits[period]));
    row.push_back(std::to_string(record.uses));
    row.push_back(text_of_time(record.last_used));
    table.add(std::move(row));
  }
  fmt::print("{}", as_text(table));
  return 0;
}

int show_key(const Settings& settings, const KeyOptions& options) {
  KeySession session(settings);
  const KeyRecord record = find(session, options.id);
  if (options.json) {
    print_json(access::describe_key(record));
    return 0;
  }
  print_record(record);
  fmt::print(
      "Created:     {}\nLast used:   {}\nUses:        {}\n", text_of_time(record.created),
      text_of_time(record.last_used), record.uses);
  return 0;
}

int update_key(const Settings& settings, const KeyOptions& options) {
  if (!asks_for_a_change(options)) {
    throw Failure(
        FailureKind::invalid,
        "say what is to change, such as --hourly 100; `kubecoderun keys update --help` lists all");
  }
  KeySession session(settings);
  const KeyRecord record = find(session, options.id);
  refuse_environment(record);
  access::KeyChange change = change_of(options, record);
  session.run(session.keys.update(record.hash, std::move(change)));
  const KeyRecord after = find(session, record.hash);
  if (options.json)
    print_json(access::describe_key(after));
  else
    print_record(after);
  return 0;
}

int revoke_key(const Settings& settings, const KeyOptions& options) {
  KeySession session(settings);
  const KeyRecord record = find(session, options.id);
  refuse_environment(record);
  if (!options.force && !confirm(record)) {
    fmt::print("Nothing was changed.\n");
    return 1;
  }
  session.run(session.keys.revoke(record.hash));
  if (options.json)
    print_json(access::describe_key(record));
  else
    fmt::print("Revoked {} ({}).\n", record.name, record.prefix);
  return 0;
}

int show_key_usage(const Settings& settings, const KeyOptions& options) {
  KeySession session(settings);
  const KeyRecord record = find(session, options.id);
  const auto now = system_clock::now();
  const auto used = session.run(access::usage_of(session.records(), record.short_hash(), now));
  if (options.json) {
    print_json(access::describe_usage(record.limits, used, now));
    return 0;
  }
  Table table;
  table.columns = {{"Period", true}, {"Used"}, {"Limit", true}, {"Remaining", true}, {"Resets At", true}};
  for (const Period period : access::all_periods) {
    const std::int64_t count = used[static_cast<std::size_t>(period)];
    const auto& limit = record.limits[period];
    std::string remaining = "unlimited";
    if (limit) remaining = std::to_string(std::max<std::int64_t>(*limit - count, 0));
    table.add(
        {title_of(period), std::to_string(count), text_of(limit), remaining,
         iso_time(access::window_at(period, now).end).substr(0, 19)});
  }
  fmt::print("{}", as_text(table));
  return 0;
}

}  // namespace ci::app
