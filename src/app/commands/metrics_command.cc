#include "app/commands/metrics_command.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "access/key_records.h"
#include "app/commands/print_json.h"
#include "app/commands/store_session.h"
#include "base/table.h"
#include "metrics/report.h"
#include "metrics/summary.h"

namespace ci::app {

namespace json = boost::json;
using metrics::By;
using metrics::Totals;
using std::chrono::system_clock;

namespace {

metrics::Span span_of(const MetricsOptions& options) {
  return {system_clock::now() - std::chrono::hours(options.hours), system_clock::now()};
}

std::string percent(double value) { return fmt::format("{:.1f} %", value); }
std::string milliseconds(double value) { return fmt::format("{:.1f} ms", value); }
std::string number(std::int64_t value) { return std::to_string(value); }

std::string summary_text(const json::object& body) {
  const json::object& summary = body.at("summary").as_object();
  const auto count = [&](const char* name) { return json::serialize(summary.at(name)); };
  const auto real = [&](const char* name) { return summary.at(name).to_number<double>(); };
  Table table;
  table.columns = {{"What", true}, {"Count"}};
  table.add({"Total Executions", count("total_executions")});
  table.add({"Today (24h)", count("total_executions_today")});
  table.add({"This Hour", count("total_executions_hour")});
  table.add({"Success Rate", percent(real("success_rate"))});
  table.add({"Avg Exec Time", milliseconds(real("avg_execution_time_ms"))});
  table.add({"Active API Keys", count("active_api_keys")});
  table.add({"Pool Hit Rate", percent(real("pool_hit_rate"))});
  return as_text(table);
}

metrics::Counts counts_of(StoreSession& session, metrics::Span span) {
  return metrics::sum_of(session.run(session.history().counts(span)));
}

// By the short hash. Keys that were revoked have none.
std::map<std::string, std::string> names_of_keys(StoreSession& session) {
  access::KeyRecords records(session.records());
  std::map<std::string, std::string> names;
  for (const access::KeyRecord& record : session.run(records.list())) names[record.short_hash()] = record.name;
  return names;
}

}  // namespace

int show_summary(const Settings& settings, const MetricsOptions& options) {
  StoreSession session(settings);
  const json::object body = session.run(metrics::summarize(session.history(), span_of(options)));
  if (options.json)
    print_json(body);
  else
    fmt::print("{}", summary_text(body));
  return 0;
}

int show_languages(const Settings& settings, const MetricsOptions& options) {
  StoreSession session(settings);
  const auto cells = session.run(session.history().cells(span_of(options), "", By::language));
  const auto languages = metrics::most_used_first(metrics::by_language(cells));
  if (options.json) {
    json::array list;
    for (const auto& [language, totals] : languages) list.push_back(metrics::describe_language(language, totals));
    print_json(list);
    return 0;
  }
  Table table;
  table.columns = {{"Language", true}, {"Executions"}, {"Success"},   {"Failures"},
                   {"Timeouts"},       {"Avg Time"},   {"Error Rate"}};
  for (const auto& [language, totals] : languages) {
    table.add(
        {language, number(totals.runs), number(totals.succeeded), number(totals.failed), number(totals.timed_out),
         milliseconds(totals.average_time_ms()), percent(metrics::error_rate(totals))});
  }
  fmt::print("{}", as_text(table));
  return 0;
}

int show_keys_of_runs(const Settings& settings, const MetricsOptions& options) {
  StoreSession session(settings);
  const auto cells = session.run(session.history().cells(span_of(options), "", By::key));
  const auto keys = metrics::most_used_first(metrics::by_key(cells));
  const std::map<std::string, std::string> names = names_of_keys(session);
  const auto name_of = [&](const std::string& key) {
    const auto found = names.find(key);
    return found == names.end() ? "" : found->second;
  };
  if (options.json) {
    json::array list;
    for (const auto& [key, totals] : keys) {
      json::object entry = metrics::describe_key_use(key, totals);
      entry["name"] = name_of(key);
      list.push_back(std::move(entry));
    }
    print_json(list);
    return 0;
  }
  Table table;
  table.columns = {{"Key Hash", true}, {"Name", true}, {"Executions"}, {"Success Rate"}, {"Avg Time"}, {"File Ops"}};
  for (const auto& [key, totals] : keys) {
    table.add(
        {key.empty() ? "(without a key)" : key, name_of(key), number(totals.runs), percent(totals.success_rate()),
         milliseconds(totals.average_time_ms()), number(totals.files)});
  }
  fmt::print("{}", as_text(table));
  return 0;
}

int show_pool(const Settings& settings, const MetricsOptions& options) {
  StoreSession session(settings);
  const json::object pool = metrics::pool_statistics(counts_of(session, span_of(options)));
  if (options.json) {
    print_json(pool);
    return 0;
  }
  const auto count = [&](const char* name) { return json::serialize(pool.at(name)); };
  const auto real = [&](const char* name) { return pool.at(name).to_number<double>(); };
  Table table;
  table.columns = {{"What", true}, {"Count"}};
  table.add({"Total Acquisitions", count("total_acquisitions")});
  table.add({"Pool Hits", count("pool_hits")});
  table.add({"Pool Misses", count("pool_misses")});
  table.add({"Hit Rate", percent(real("hit_rate"))});
  table.add({"Avg Acquire Time", milliseconds(real("avg_acquire_time_ms"))});
  table.add({"Exhaustion Events", count("exhaustion_events")});
  table.add({"Waits", count("waits")});
  table.add({"Avg Wait Time", milliseconds(real("avg_wait_time_ms"))});
  fmt::print("{}", as_text(table));
  return 0;
}

int show_hours(const Settings& settings, const MetricsOptions& options) {
  StoreSession session(settings);
  const auto hours = metrics::by_hour(session.run(session.history().cells(span_of(options), "", By::hour)));
  if (options.json) {
    json::array list;
    for (const auto& [time, totals] : hours) {
      json::object entry;
      entry["hour"] = metrics::text_of(std::chrono::floor<std::chrono::hours>(time));
      entry["execution_count"] = totals.runs;
      entry["success_count"] = totals.succeeded;
      entry["failure_count"] = totals.failed;
      entry["timeout_count"] = totals.timed_out;
      entry["avg_execution_time_ms"] = totals.average_time_ms();
      list.push_back(std::move(entry));
    }
    print_json(list);
    return 0;
  }
  Table table;
  table.columns = {{"Hour", true}, {"Executions"}, {"Success"}, {"Failures"}, {"Timeouts"}, {"Avg Time"}};
  for (const auto& [time, totals] : hours) {
    table.add(
        {fmt::format("{:%Y-%m-%d %H:00}", fmt::gmtime(std::chrono::time_point_cast<std::chrono::seconds>(time))),
         number(totals.runs), number(totals.succeeded), number(totals.failed), number(totals.timed_out),
         milliseconds(totals.average_time_ms())});
  }
  fmt::print("{}", as_text(table));
  return 0;
}

int watch_summary(const Settings& settings, const MetricsOptions& options) {
  StoreSession session(settings);
  const bool on_terminal = ::isatty(STDOUT_FILENO) == 1;
  for (int round = 1;; ++round) {
    const json::object body = session.run(metrics::summarize(session.history(), span_of(options)));
    if (options.json) {
      print_json(body);
    } else {
      const auto now = std::chrono::time_point_cast<std::chrono::seconds>(system_clock::now());
      fmt::print(
          "{}{:%Y-%m-%d %H:%M:%S} UTC\n{}\n", on_terminal ? "\033[H\033[2J" : "", fmt::gmtime(now), summary_text(body));
    }
    std::fflush(stdout);
    if (round == options.rounds) return 0;
    std::this_thread::sleep_for(options.interval);
  }
}

}  // namespace ci::app
