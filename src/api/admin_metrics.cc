#include "api/admin_metrics.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "api/errors.h"
#include "api/json.h"
#include "base/time_text.h"
#include "metrics/report.h"

namespace ci::api {

namespace json = boost::json;
using metrics::By;
using std::chrono::system_clock;

namespace {

constexpr std::chrono::days longest_span{731};
// Counts are kept by the hour; those of more hours take too long to add up while somebody waits.
constexpr std::chrono::days longest_counted_span{8};

[[noreturn]] void refuse(std::string field, std::string message) {
  throw ApiError::invalid({{"query -> " + field, std::move(message), "value_error"}});
}

// A day alone is its beginning, or its end.
system_clock::time_point date_of(std::string_view text, const char* field, bool is_end) {
  constexpr std::size_t letters_of_day = 10;
  const bool only_day = text.size() == letters_of_day;
  std::string whole(text);
  if (only_day) whole += "T00:00:00+00:00";
  const auto time = parse_iso_time(whole);
  if (!time) refuse(field, "Input should be a date or a time in ISO 8601");
  return only_day && is_end ? *time + std::chrono::days(1) : *time;
}

std::chrono::hours length_of(const std::string& period) {
  if (period == "hour") return std::chrono::hours(1);
  if (period == "day") return std::chrono::hours(24);
  if (period == "week") return std::chrono::days(7);
  if (period == "month") return std::chrono::days(30);
  refuse("period", "Input should be 'hour', 'day', 'week' or 'month'");
}

json::object describe(const metrics::Totals& totals) {
  json::object object;
  object["executions"] = totals.runs;
  object["success_count"] = totals.succeeded;
  object["failure_count"] = totals.failed;
  object["timeout_count"] = totals.timed_out;
  object["avg_execution_time_ms"] = totals.average_time_ms();
  return object;
}

json::object describe_each(const std::map<std::string, metrics::Totals>& all) {
  json::object object;
  for (const auto& [name, totals] : all) object[name] = describe(totals);
  return object;
}

}  // namespace

Question parse_question(const net::Request& request, system_clock::time_point now) {
  Question question;
  question.period = request.query_value("period").value_or("day");
  question.span = {now - length_of(question.period), now};
  const auto begin = request.query_value("start_date"), end = request.query_value("end_date");
  const bool has_begin = begin && !begin->empty(), has_end = end && !end->empty();
  if (has_end) question.span.end = date_of(*end, "end_date", true);
  if (has_begin) question.span.begin = date_of(*begin, "start_date", false);
  if (has_end && !has_begin) question.span.begin = question.span.end - length_of(question.period);
  if (question.span.begin >= question.span.end) refuse("end_date", "It should be after start_date");
  if (question.span.end - question.span.begin > longest_span) refuse("start_date", "No more than two years");
  question.key = std::string(request.query_value("api_key_hash").value_or("")).substr(0, 16);
  return question;
}

awaitable<metrics::Cells> AdminMetricsRoutes::cells(const Question& question, By by) {
  co_await write_waiting(observed_);
  co_return co_await observed_.history.cells(question.span, question.key, by);
}

awaitable<net::Response> AdminMetricsRoutes::stats(net::Request& request) {
  json::object body = co_await detailed_metrics(observed_, last_hours(request));
  const json::object health = co_await health_.everything(false);
  json::object& short_health = body["health"].emplace_object();
  short_health["status"] = health.at("status");
  short_health["services"] = health.at("services");
  body["timestamp"] = iso_time(system_clock::now());
  co_return json_response(200, body);
}

awaitable<net::Response> AdminMetricsRoutes::summary(net::Request& request) {
  const Question question = parse_question(request, system_clock::now());
  const metrics::Cells found = co_await cells(question, By::key);
  const metrics::Totals sum = metrics::sum_of(found);
  json::object body;
  body["total_executions"] = sum.runs;
  body["success_count"] = sum.succeeded;
  body["failure_count"] = sum.failed;
  body["timeout_count"] = sum.timed_out;
  body["success_rate"] = sum.success_rate();
  body["avg_execution_time_ms"] = sum.average_time_ms();
  body["pool_hit_rate"] = sum.warm_rate();
  body["active_api_keys"] = std::ranges::count_if(found, [](const metrics::Cell& cell) { return !cell.key.empty(); });
  body["period"] = question.period;
  body["start_date"] = iso_time(question.span.begin);
  body["end_date"] = iso_time(question.span.end);
  if (question.key.empty() && question.span.end - question.span.begin <= longest_counted_span) {
    const metrics::Counts counts = metrics::sum_of(co_await observed_.history.counts(question.span));
    // Counts are not kept for as long as sums: those of a part of the time would say something else.
    if (metrics::value_of(counts, "runs") >= sum.runs) {
      body["execution_time_percentiles"] = metrics::execution_time_percentiles(counts);
      body["pool_stats"] = metrics::pool_statistics(counts);
    }
  }
  co_return json_response(200, body);
}

awaitable<net::Response> AdminMetricsRoutes::languages(net::Request& request) {
  const Question question = parse_question(request, system_clock::now());
  json::object body, by_language, by_key, matrix;
  const auto languages = metrics::by_language(co_await cells(question, By::language));
  for (const auto& [language, totals] : languages) by_language[language] = totals.runs;
  const auto stacked = request.query_value("stack_by_api_key").value_or("false");
  if (stacked == "true" || stacked == "1") {
    Question of_all = question;
    of_all.key.clear();
    const metrics::Cells found = co_await cells(of_all, By::key | By::language);
    const auto used = metrics::by_key(found);
    for (const auto& [key, totals] : used) by_key[key] = totals.runs;
    body["language_totals"] = describe_each(languages);
    body["key_totals"] = describe_each(used);
    for (const auto& [language, keys] : metrics::languages_of_keys(found)) {
      json::object& row = matrix[language].emplace_object();
      for (const auto& [key, runs] : keys) row[key] = runs;
    }
  }
  body["by_language"] = std::move(by_language);
  body["by_api_key"] = std::move(by_key);
  body["matrix"] = std::move(matrix);
  co_return json_response(200, body);
}

awaitable<net::Response> AdminMetricsRoutes::time_series(net::Request& request) {
  const Question question = parse_question(request, system_clock::now());
  const metrics::Cells found = co_await cells(question, By::hour);
  const auto buckets = question.by_day() ? metrics::by_day(found) : metrics::by_hour(found);
  json::object body;
  json::array times, runs, rates, averages;
  for (const auto& [time, totals] : buckets) {
    times.emplace_back(iso_time(time));
    runs.emplace_back(totals.runs);
    rates.emplace_back(totals.success_rate());
    averages.emplace_back(totals.average_time_ms());
  }
  body["timestamps"] = std::move(times);
  body["executions"] = std::move(runs);
  body["success_rate"] = std::move(rates);
  body["avg_duration"] = std::move(averages);
  body["granularity"] = question.by_day() ? "day" : "hour";
  co_return json_response(200, body);
}

awaitable<net::Response> AdminMetricsRoutes::heatmap(net::Request& request) {
  Question question = parse_question(request, system_clock::now());
  // A pattern of less than a week would be full of holes.
  question.span.begin = std::min(question.span.begin, question.span.end - std::chrono::days(7));
  const auto counts = metrics::by_weekday_and_hour(co_await cells(question, By::hour));
  json::object body;
  json::array& rows = body["matrix"].emplace_array();
  std::int64_t most = 0;
  for (const auto& day : counts) {
    json::array& row = rows.emplace_back(json::array()).as_array();
    for (const std::int64_t count : day) {
      row.emplace_back(count);
      most = std::max(most, count);
    }
  }
  body["max_value"] = most;
  body["days"] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  json::array& hours = body["hours"].emplace_array();
  for (int hour = 0; hour < 24; ++hour) hours.emplace_back(hour);
  co_return json_response(200, body);
}

awaitable<net::Response> AdminMetricsRoutes::keys(net::Request& request) {
  const Question question = parse_question(request, system_clock::now());
  const auto used = metrics::by_key(co_await cells(question, By::key));
  json::array list;
  const auto records = co_await keys_.list();
  for (const access::KeyRecord& record : records) {
    const auto found = used.find(record.short_hash());
    json::object& entry = list.emplace_back(json::object()).as_object();
    entry["key_hash"] = record.hash;
    entry["name"] = record.name;
    entry["key_prefix"] = record.prefix;
    entry["usage_count"] = found == used.end() ? 0 : found->second.runs;
    entry["source"] = record.of_environment ? "environment" : "managed";
  }
  co_return json_response(200, list);
}

awaitable<net::Response> AdminMetricsRoutes::top_languages(net::Request& request) {
  const Question question = parse_question(request, system_clock::now());
  std::size_t limit = 10;
  if (const auto text = request.query_value("limit")) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (error != std::errc() || end != text->data() + text->size() || limit < 1 || limit > 20)
      refuse("limit", "Input should be from 1 to 20");
  }
  metrics::Cells found = co_await cells(question, By::language);
  std::ranges::stable_sort(found, std::ranges::greater(), [](const metrics::Cell& cell) { return cell.totals.runs; });
  json::object body;
  json::array& list = body["languages"].emplace_array();
  for (const metrics::Cell& cell : found) {
    if (list.size() == limit) break;
    json::object& entry = list.emplace_back(json::object()).as_object();
    entry["language"] = cell.language;
    entry["count"] = cell.totals.runs;
  }
  body["period"] = question.period;
  co_return json_response(200, body);
}

}  // namespace ci::api
