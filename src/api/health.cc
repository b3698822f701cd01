#include "api/health.h"

#include "api/errors.h"
#include "api/json.h"
#include "api/redact.h"
#include "base/failure.h"
#include "base/parallel.h"
#include "base/time_text.h"
#include "pool/elsewhere.h"

namespace ci::api {

namespace json = boost::json;

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* healthy = "healthy";
constexpr const char* degraded = "degraded";
constexpr const char* unhealthy = "unhealthy";

json::object service_object(std::string_view name, const char* status) {
  json::object object;
  object["service"] = name;
  object["status"] = status;
  object["timestamp"] = iso_time(std::chrono::system_clock::now());
  return object;
}

double milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

double average(std::chrono::microseconds sum, std::uint64_t count) {
  return count == 0 ? 0 : milliseconds(sum) / static_cast<double>(count);
}

void add_facts(json::object& details, const store::Facts& facts) {
  for (const store::Fact& fact : facts) {
    std::visit([&](const auto& value) { details[fact.name] = value; }, fact.value);
  }
}

awaitable<json::object> ask(HealthCheck& check, std::chrono::milliseconds patience) {
  const auto begin = Clock::now();
  std::string error;
  json::object details = check.details;
  try {
    const auto facts = co_await check.question.answer(after(patience));
    if (facts)
      add_facts(details, *facts);
    else
      error = "no answer in time";
  } catch (const Failure& failure) {
    error = failure.what();
  }
  const auto time = Clock::now() - begin;
  const char* status = time > check.slow ? degraded : healthy;
  if (!error.empty()) status = unhealthy;
  json::object object = service_object(check.name, status);
  object["response_time_ms"] = milliseconds(time);
  object["details"] = std::move(details);
  if (!error.empty()) object["error"] = error;
  co_return object;
}

}  // namespace

void HealthRoutes::set_ready(bool ready, std::string reason) {
  ready_ = ready;
  reason_ = without_paths(reason);
}

awaitable<net::Response> HealthRoutes::health(net::Request&) {
  boost::json::object body;
  body["status"] = "healthy";
  body["version"] = settings_.version;
  body["service"] = "kubecoderun-api";
  boost::json::object& config = body["config"].emplace_object();
  config["debug"] = settings_.debug;
  config["docs_enabled"] = settings_.docs;
  config["cors_enabled"] = settings_.cors;
  co_return json_response(200, body);
}

awaitable<net::Response> HealthRoutes::ready(net::Request&) {
  boost::json::object body;
  body["status"] = ready_ ? "ready" : "not_ready";
  if (!ready_) body["reason"] = reason_;
  co_return json_response(ready_ ? 200 : 503, body);
}

awaitable<net::Response> HealthRoutes::config(net::Request&, const std::vector<std::string>& routes) {
  if (!settings_.debug) throw ApiError::of_router(404, "Not Found", "Not Found");
  boost::json::object body;
  body["debug"] = true;
  body["languages"] = pool_.languages().size();
  body["max_execution_time"] = settings_.time_limit.count();
  body["max_memory_mb"] = settings_.memory_bytes >> 20;
  json::array& names = body["routes"].emplace_array();
  for (const std::string& name : routes) names.emplace_back(name);
  co_return json_response(200, body);
}

awaitable<json::object> HealthRoutes::services(bool fresh) {
  if (fresh || !seen_ || Clock::now() - seen_->at >= settings_.health_interval) co_await look();
  // Ours costs nothing to ask, and is never old.
  json::object services = seen_->services;
  services["pod_pool"] = pool_service();
  services["compile_cache"] = cache_service();
  co_return services;
}

awaitable<net::Response> HealthRoutes::service(net::Request& request) {
  const bool fresh = request.query_value("use_cache") == "false";
  std::string name = request.captures.at(0);
  if (name == "detailed") {
    const json::object body = co_await everything(fresh);
    const std::string_view status = body.at("status").as_string();
    net::Response response = json_response(status == unhealthy ? 503 : 200, body);
    if (status == degraded) response.headers.set("X-Health-Status", degraded);
    co_return response;
  }
  const json::object all = co_await services(fresh);
  if (name == "s3" || name == "filesystem") name = "minio";
  if (name == "sqlite") name = "redis";
  if (name == "kubernetes" && !all.contains(name)) name = "pod_pool";  // what has the sandboxes here
  const json::value* one = all.if_contains(name);
  if (one == nullptr) throw ApiError(404, "No such service");
  const bool well = one->at("status").as_string() != unhealthy;
  co_return json_response(well ? 200 : 503, *one);
}

// All at once: the slowest says how long it takes.
awaitable<void> HealthRoutes::look() {
  std::vector<json::object> answers(checks_.size());
  auto ask_one = [&](std::size_t number) -> awaitable<void> {
    answers[number] = co_await ask(checks_[number], settings_.health_timeout);
  };
  co_await for_each_index(checks_.size(), ask_one);
  seen_.emplace();
  seen_->at = Clock::now();
  for (std::size_t i = 0; i < checks_.size(); ++i) seen_->services[checks_[i].name] = std::move(answers[i]);
}

awaitable<json::object> HealthRoutes::everything(bool fresh) {
  json::object all = co_await services(fresh);
  std::map<std::string, int> count;
  for (const auto& entry : all) ++count[std::string(entry.value().at("status").as_string())];
  const char* status = count[degraded] > 0 ? degraded : healthy;
  if (count[unhealthy] > 0) status = unhealthy;
  json::object body;
  body["status"] = status;
  body["timestamp"] = iso_time(std::chrono::system_clock::now());
  json::object& summary = body["summary"].emplace_object();
  summary["total_services"] = all.size();
  summary["healthy_services"] = count[healthy];
  summary["degraded_services"] = count[degraded];
  summary["unhealthy_services"] = count[unhealthy];
  body["services"] = std::move(all);
  body["repl"] = interpreters();
  co_return body;
}

// Python that has started and waits for its program: the operators' guide asks for it under this name.
json::object HealthRoutes::interpreters() const {
  const pool::PoolStatistics statistics = pool_.statistics();
  const auto python = statistics.languages.find("py");
  json::object object;
  const bool is_served = python != statistics.languages.end();
  object["enabled"] = is_served && python->second.target > 0;
  const bool lacking = is_served && python->second.target > 0 && python->second.available + python->second.in_use == 0;
  object["status"] = lacking ? degraded : healthy;
  if (!is_served) return object;
  object["available"] = python->second.available;
  object["in_use"] = python->second.in_use;
  object["creating"] = python->second.creating;
  object["target_size"] = python->second.target;
  return object;
}

// Unhealthy when nothing can be run, degraded when a language lacks all that it should have and none is being made.
json::object HealthRoutes::pool_service() const {
  const pool::PoolStatistics statistics = pool_.statistics();
  const std::string reason = pool_.unavailable();
  json::object languages;
  pool::LanguageStatistics sum;
  bool lacking = false;
  for (const auto& [code, one] : statistics.languages) {
    json::object& entry = languages[code].emplace_object();
    entry["available"] = one.available;
    entry["in_use"] = one.in_use;
    entry["creating"] = one.creating;
    entry["target_size"] = one.target;
    sum.available += one.available;
    sum.in_use += one.in_use;
    sum.creating += one.creating;
    lacking = lacking || (one.target > 0 && one.available + one.in_use + one.creating == 0);
  }
  const auto* elsewhere = dynamic_cast<const pool::Elsewhere*>(&pool_);
  const std::vector<std::string> problems = elsewhere == nullptr ? std::vector<std::string>() : elsewhere->problems();
  const char* status = lacking || !problems.empty() ? degraded : healthy;
  if (!reason.empty()) status = unhealthy;
  json::object object = service_object("pod_pool", status);
  json::object& details = object["details"].emplace_object();
  details["enabled"] = statistics.keeps_warm;
  details["architecture"] = elsewhere == nullptr ? "local-sandboxes" : elsewhere->architecture();
  details["total_available"] = sum.available;
  details["total_in_use"] = sum.in_use;
  details["total_creating"] = sum.creating;
  details["acquisitions"] = statistics.acquisitions;
  details["hits"] = statistics.hits;
  details["misses"] = statistics.misses;
  details["exhaustions"] = statistics.exhaustions;
  details["refusals"] = statistics.refusals;
  details["waits"] = statistics.waits;
  details["waiting"] = statistics.waiting;
  details["average_acquire_ms"] = average(statistics.acquire_time, statistics.acquisitions);
  details["average_wait_ms"] = average(statistics.wait_time, statistics.waits);
  details["languages"] = std::move(languages);
  if (!problems.empty()) details["problems"] = json::array(problems.begin(), problems.end());
  if (!reason.empty()) object["error"] = reason;
  return object;
}

json::object HealthRoutes::cache_service() const {
  const auto statistics = executions_.compile_cache();
  json::object object = service_object("compile_cache", healthy);
  json::object& details = object["details"].emplace_object();
  details["hits"] = statistics.hits;
  details["misses"] = statistics.misses;
  details["entries"] = statistics.entries;
  details["bytes"] = statistics.bytes;
  return object;
}

}  // namespace ci::api
