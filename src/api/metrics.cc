#include "api/metrics.h"

#include <algorithm>
#include <charconv>

#include "api/accept.h"
#include "api/errors.h"
#include "api/json.h"
#include "base/time_text.h"
#include "metrics/report.h"
#include "metrics/summary.h"

namespace ci::api {

namespace json = boost::json;
using metrics::By;
using metrics::Counts;
using std::chrono::system_clock;

namespace {

constexpr int most_hours = 168, usual_hours = 24;

metrics::Span hours_until_now(int hours) {
  return {system_clock::now() - std::chrono::hours(hours), system_clock::now()};
}

}  // namespace

awaitable<void> write_waiting(const Observed& observed) {
  try {
    co_await observed.writer.flush();
  } catch (const Failure&) {
  }
}

metrics::Span last_hours(const net::Request& request) {
  const auto text = request.query_value("hours");
  if (!text) return hours_until_now(usual_hours);
  int hours = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), hours);
  if (error != std::errc() || end != text->data() + text->size() || hours < 1 || hours > most_hours) {
    throw ApiError::invalid({{"query -> hours", "Input should be a whole number from 1 to 168", "int_parsing"}});
  }
  return hours_until_now(hours);
}

awaitable<json::object> detailed_metrics(const Observed& observed, metrics::Span span) {
  co_await write_waiting(observed);
  co_return co_await metrics::summarize(observed.history, span);
}

net::Response prometheus_text(const net::Request& request, const metrics::Figures& figures) {
  const std::string_view accept = request.headers.find("Accept").value_or("");
  const bool open = !accept.empty() && wanted(accept, "application/openmetrics-text") > wanted(accept, "text/plain");
  const metrics::Format format = open ? metrics::Format::openmetrics : metrics::Format::prometheus;
  return net::Response(200, std::string(metrics::content_type(format)), figures.text(format));
}

awaitable<MetricsRoutes::Seen> MetricsRoutes::look() {
  co_await write_waiting(observed_);
  Seen seen;
  seen.all = co_await observed_.history.all_counts();
  seen.recent = co_await observed_.history.counts(hours_until_now(usual_hours));
  co_return seen;
}

double MetricsRoutes::uptime() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
}

json::object MetricsRoutes::system_object(const Counts& all) const {
  json::object system;
  json::object& counters = system["counters"].emplace_object();
  for (const char* name : {"runs", "requests", "pool acquisitions", "pool hits", "pool misses", "pool waits"}) {
    std::string key = name;
    std::ranges::replace(key, ' ', '_');
    counters[key] = metrics::value_of(all, name);
  }
  json::object& gauges = system["gauges"].emplace_object();
  gauges["pool_waiting"] = pool_.statistics().waiting;
  gauges["runs_not_recorded"] = observed_.writer.dropped();
  system["buffer_size"] = observed_.writer.waiting();
  system["uptime_seconds"] = uptime();
  system["last_persistence"] = nullptr;
  if (const auto time = observed_.writer.last_written()) system["last_persistence"] = iso_time(*time);
  return system;
}

// What pools have done, and how this server's is now.
json::object MetricsRoutes::pool_object(const Counts& all) const {
  json::object object = metrics::pool_statistics(all);
  for (auto& entry : metrics::pool_now(pool_.statistics())) object[entry.key()] = entry.value();
  return object;
}

awaitable<net::Response> MetricsRoutes::metrics(net::Request& request) {
  const std::string_view accept = request.headers.find("Accept").value_or("");
  const double text = std::max(wanted(accept, "text/plain"), wanted(accept, "application/openmetrics-text"));
  if (text > wanted(accept, "application/json")) co_return prometheus_text(request, observed_.figures);
  const Seen seen = co_await or_store_failed(look(), "Failed to retrieve metrics");
  json::object body;
  body["execution_statistics"] = metrics::execution_statistics(seen.all, seen.recent);
  body["api_statistics"] = metrics::api_statistics(seen.all, seen.recent);
  body["system_metrics"] = system_object(seen.all);
  body["pool"] = pool_object(seen.all);
  co_return json_response(200, body);
}

awaitable<net::Response> MetricsRoutes::prometheus(net::Request& request) {
  co_return prometheus_text(request, observed_.figures);
}

awaitable<net::Response> MetricsRoutes::execution(net::Request&) {
  const Seen seen = co_await or_store_failed(look(), "Failed to retrieve execution metrics");
  co_return json_response(200, metrics::execution_statistics(seen.all, seen.recent));
}

awaitable<net::Response> MetricsRoutes::requests(net::Request&) {
  const Seen seen = co_await or_store_failed(look(), "Failed to retrieve API metrics");
  co_return json_response(200, metrics::api_statistics(seen.all, seen.recent));
}

awaitable<net::Response> MetricsRoutes::detailed(net::Request& request) {
  const metrics::Span span = last_hours(request);
  const json::object body =
      co_await or_store_failed(detailed_metrics(observed_, span), "Failed to retrieve detailed metrics");
  co_return json_response(200, body);
}

awaitable<net::Response> MetricsRoutes::by_language(net::Request& request) {
  const metrics::Span span = last_hours(request);
  co_await write_waiting(observed_);
  const metrics::Cells cells = co_await observed_.history.cells(span, "", By::language);
  json::object body;
  json::array list;
  for (const auto& [language, totals] : metrics::most_used_first(metrics::by_language(cells))) {
    list.push_back(metrics::describe_language(language, totals));
  }
  const std::size_t count = list.size();
  body["languages"] = std::move(list);
  body["period_hours"] = metrics::hours_of(span);
  body["total_languages"] = count;
  co_return json_response(200, body);
}

awaitable<net::Response> MetricsRoutes::by_key(net::Request& request) {
  const metrics::Span span = last_hours(request);
  const std::string key = request.captures.at(0).substr(0, 16);
  co_await write_waiting(observed_);
  const metrics::Cells cells = co_await observed_.history.cells(span, key, By::nothing);
  json::object body;
  body["api_key_hash"] = key;
  body["stats"] = metrics::describe_key_use(key, metrics::sum_of(cells));
  body["period_hours"] = metrics::hours_of(span);
  co_return json_response(200, body);
}

awaitable<net::Response> MetricsRoutes::pool(net::Request&) {
  const Seen seen = co_await or_store_failed(look(), "Failed to retrieve pool metrics");
  co_return json_response(200, pool_object(seen.all));
}

awaitable<net::Response> MetricsRoutes::status(net::Request&) {
  const json::object health = co_await health_.everything(false);
  json::object body;
  body["overall_status"] = health.at("status");
  json::object& services = body["services"].emplace_object();
  for (const auto& entry : health.at("services").as_object()) {
    json::object& service = services[entry.key()].emplace_object();
    service["status"] = entry.value().at("status");
    if (const json::value* time = entry.value().as_object().if_contains("response_time_ms"))
      service["response_time_ms"] = *time;
    service["last_check"] = entry.value().at("timestamp");
  }
  Seen seen;
  try {
    auto answer = co_await seen_.answer(after(settings_.health_timeout));
    if (answer) seen = std::move(*answer);
  } catch (const Failure&) {  // the services say what is wrong
  }
  json::object& totals = body["metrics"].emplace_object();
  totals["total_executions"] = metrics::value_of(seen.all, "runs");
  totals["total_api_requests"] = metrics::value_of(seen.all, "requests");
  totals["buffer_size"] = observed_.writer.waiting();
  totals["uptime_seconds"] = uptime();
  json::object& configuration = body["configuration"].emplace_object();
  configuration["debug_mode"] = settings_.debug;
  configuration["max_execution_time"] = settings_.time_limit.count();
  configuration["max_memory_mb"] = settings_.memory_bytes >> 20;
  configuration["session_ttl_hours"] = settings_.session_ttl.count();
  configuration["supported_languages"] = pool_.languages().size();
  co_return json_response(200, body);
}

}  // namespace ci::api
