#include "api/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <cmath>

#include "api/errors.h"
#include "api/headers.h"
#include "api/key_limits.h"
#include "base/log.h"

namespace ci::api {

namespace {

void log_failure(const std::exception_ptr& failure, const net::Request& request) {
  try {
    std::rethrow_exception(failure);
  } catch (const ApiError&) {
    // An answer like others; the access log has it.
  } catch (const Failure& error) {
    const bool is_ours = error.kind() == FailureKind::internal || error.kind() == FailureKind::unavailable;
    log(is_ours ? LogLevel::error : LogLevel::info, "request failed",
        {{"request_id", request.id}, {"path", request.path}, {"reason", error.what()}});
  } catch (const std::exception& error) {
    log_error("request failed", {{"request_id", request.id}, {"path", request.path}, {"reason", error.what()}});
  }
}

double milliseconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; }

// Clients must not take it for something that passes.
awaitable<net::Response> refuse_programmatic(net::Request&) {
  throw ApiError::unsupported("This server has no programmatic tool calls");
  co_return net::Response();
}

}  // namespace

Service::Service(
    execution::Executions& executions, execution::Runs& runs, files::Sessions& sessions, files::SessionFiles& files,
    state::States& states, const access::ApiKeys& keys, const pool::SandboxPool& pool, asio::thread_pool& blocking,
    ApiSettings settings)
    : settings_(std::move(settings)),
      runs_(runs),
      pool_(pool),
      authenticator_(keys, settings_),
      health_(settings_, pool, executions),
      exec_(runs, pool, blocking, settings_),
      upload_(sessions, files, settings_),
      files_(sessions, files, settings_),
      states_(states, sessions, settings_) {
  using net::Request;
  Route open, run, plain, upload, download, own_types;
  open.who = Who::anybody;
  run.cost = Cost::run;
  own_types.body = BodyType::any;
  upload.body = BodyType::any;
  upload.cost = Cost::transfer;
  download.cost = Cost::transfer;
  add("GET", "/health", open, [this](Request& request) { return health_.health(request); });
  add("GET", "/health/{service}", plain, [this](Request& request) { return health_.service(request); });
  add("GET", "/ready", open, [this](Request& request) { return health_.ready(request); });
  add("GET", "/config", plain, [this](Request& request) { return health_.config(request, route_names_); });
  add("POST", "/exec", run, [this](Request& request) { return exec_.post(request); });
  for (const char* path : {"/exec/programmatic", "/exec/programmatic/cancel"})
    add("POST", path, plain, refuse_programmatic);
  add("POST", "/upload", upload, [this](Request& request) { return upload_.upload(request); });
  add("POST", "/upload/batch", upload, [this](Request& request) { return upload_.batch(request); });
  add("GET", "/files/{session}", plain, [this](Request& request) { return files_.list(request); });
  add("DELETE", "/files/{session}/{file}", plain, [this](Request& request) { return files_.remove(request); });
  add("DELETE", "/sessions/{session}/objects/{file}", plain,
      [this](Request& request) { return files_.remove(request); });
  add("GET", "/sessions/{session}/objects/{file}", plain,
      [this](Request& request) { return files_.describe(request); });
  add("GET", "/download/{session}/{file}", download, [this](Request& request) { return files_.download(request); });
  add("GET", "/state/{session}", own_types, [this](Request& request) { return states_.get(request); });
  add("POST", "/state/{session}", own_types, [this](Request& request) { return states_.put(request); });
  add("DELETE", "/state/{session}", own_types, [this](Request& request) { return states_.remove(request); });
  add("GET", "/state/{session}/info", own_types, [this](Request& request) { return states_.info(request); });
  add("OPTIONS", "/download/{session}/{file}", open,
      [this](Request& request) { return files_.allow_download(request); });
}

void Service::manage_keys(access::ManagedKeys& keys, access::RunPlaces& places) {
  using net::Request;
  exec_.bound(places);
  authenticator_.know(keys);
  set_charge(charge_of_keys(keys, settings_.rate_limits));
  keys_ = &keys;
  admin_.emplace(keys, runs_);
  Route admin;
  admin.who = Who::administrator;
  admin.body = BodyType::any;  // a page sends the type also where it has no body
  for (const std::string root : {"/api/v1/admin/keys", "/admin/keys"}) {
    add("GET", root, admin, [this](Request& request) { return admin_->list_keys(request); });
    add("POST", root, admin, [this](Request& request) { return admin_->create_key(request); });
    add("GET", root + "/{key}", admin, [this](Request& request) { return admin_->show_key(request); });
    add("PATCH", root + "/{key}", admin, [this](Request& request) { return admin_->update_key(request); });
    add("DELETE", root + "/{key}", admin, [this](Request& request) { return admin_->revoke_key(request); });
  }
  add("GET", "/api/v1/admin/runs", admin, [this](Request& request) { return admin_->list_runs(request); });
  add("DELETE", "/api/v1/admin/runs/{run}", admin, [this](Request& request) { return admin_->cancel_run(request); });
}

void Service::observe(const Observed& observed) {
  using net::Request;
  observed_.emplace(observed);
  metrics_.emplace(observed, pool_, health_, settings_);
  const Route plain;
  add("GET", "/metrics", plain, [this](Request& request) { return metrics_->metrics(request); });
  add("GET", "/metrics/prometheus", plain, [this](Request& request) { return metrics_->prometheus(request); });
  add("GET", "/metrics/execution", plain, [this](Request& request) { return metrics_->execution(request); });
  add("GET", "/metrics/api", plain, [this](Request& request) { return metrics_->requests(request); });
  add("GET", "/metrics/detailed", plain, [this](Request& request) { return metrics_->detailed(request); });
  add("GET", "/metrics/by-language", plain, [this](Request& request) { return metrics_->by_language(request); });
  add("GET", "/metrics/by-api-key/{key}", plain, [this](Request& request) { return metrics_->by_key(request); });
  add("GET", "/metrics/pool", plain, [this](Request& request) { return metrics_->pool(request); });
  add("GET", "/status", plain, [this](Request& request) { return metrics_->status(request); });
  if (keys_ == nullptr) return;
  admin_metrics_.emplace(observed, keys_->records, health_);
  Route admin;
  admin.who = Who::administrator;
  const std::string root = "/api/v1/admin";
  add("GET", root + "/stats", admin, [this](Request& request) { return admin_metrics_->stats(request); });
  add("GET", root + "/metrics/summary", admin, [this](Request& request) { return admin_metrics_->summary(request); });
  add("GET", root + "/metrics/languages", admin,
      [this](Request& request) { return admin_metrics_->languages(request); });
  add("GET", root + "/metrics/time-series", admin,
      [this](Request& request) { return admin_metrics_->time_series(request); });
  add("GET", root + "/metrics/heatmap", admin, [this](Request& request) { return admin_metrics_->heatmap(request); });
  add("GET", root + "/metrics/api-keys", admin, [this](Request& request) { return admin_metrics_->keys(request); });
  add("GET", root + "/metrics/top-languages", admin,
      [this](Request& request) { return admin_metrics_->top_languages(request); });
}

void Service::add(std::string method, std::string_view pattern, Route route, net::Handler handler) {
  std::string name = fmt::format("{} {}", method, pattern);
  const std::size_t number = router_.add(std::move(method), pattern, std::move(handler));
  CHECK(number == routes_.size());
  route_names_.push_back(std::move(name));
  routes_.push_back(route);
}

// Also of what has no handler: who asks for something that is not there is told so only when it may ask.
Route Service::route_of(const net::Request& request, const net::Router::Match& match) const {
  constexpr std::array<std::string_view, 3> documents = {"/docs", "/redoc", "/openapi.json"};
  Route route;
  if (match.path_known) route = routes_[match.number];
  if (match.handler == nullptr) route.cost = Cost::nothing;
  const bool is_document = std::ranges::find(documents, request.path) != documents.end();
  if (request.method == "OPTIONS" || is_document) route.who = Who::anybody;
  if (!match.path_known && request.path.starts_with("/api/v1/admin/")) route.who = Who::administrator;
  return route;
}

net::Handler Service::handler() {
  return [this](net::Request& request) { return handle(request); };
}

void Service::set_ready(bool ready, std::string reason) {
  if (!stopping_) health_.set_ready(ready, std::move(reason));
}

void Service::set_stopping() {
  stopping_ = true;
  health_.set_ready(false, "stopping");
}

awaitable<net::Response> Service::answer(net::Request& request, net::Router::Match& match) {
  if (settings_.cors && is_preflight(request)) co_return preflight_response(request);
  const Route route = route_of(request, match);
  if (route.body == BodyType::usual) check_content_type(request);
  std::unique_ptr<ByteSource> body;  // read on the way to the key, for the handler to read again
  if (stopping_ && route.who != Who::anybody) throw ApiError::unavailable("Service is shutting down");
  if (route.who == Who::administrator) authenticator_.check_administrator(request);
  if (route.who == Who::known) {
    access::Principal principal = co_await authenticator_.authenticate(request, body);
    let_in(request, std::move(principal));
  }
  if (match.handler == nullptr && !match.path_known) throw ApiError::of_router(404, "Not Found", "Not Found");
  if (match.handler == nullptr) throw ApiError::of_router(405, "Method Not Allowed", "Method Not Allowed");
  if (route.cost != Cost::nothing && charge_) co_await charge_(principal_of(request), route.cost);
  request.captures = std::move(match.captures);
  co_return co_await (*match.handler)(request);
}

awaitable<net::Response> Service::handle(net::Request& request) {
  const auto begin = std::chrono::steady_clock::now();
  net::Response response;
  net::Router::Match match = router_.find(request);
  std::exception_ptr failure;
  ByteSource* const body = request.body;
  try {
    response = co_await answer(request, match);
  } catch (...) {
    failure = std::current_exception();
  }
  request.body = body;  // not the copy that answer() kept
  if (failure && (co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) {
    std::rethrow_exception(failure);  // the client has left
  }
  if (failure) {
    log_failure(failure, request);
    response = error_of(failure).response(request.id);
    if (response.status == 405) response.headers.set("Allow", router_.allowed(request));
  }
  if (stopping_) response.close = true;
  add_headers(response, request, settings_);
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
  if (settings_.debug) response.headers.set("X-Response-Time-Ms", fmt::format("{:.2f}", milliseconds(time)));
  log_request(request, response, time);
  count_request(request, match.handler != nullptr ? match.pattern : std::string_view(), response, time);
  co_return response;
}

// Paths that nobody answers are one: their names come from outside.
void Service::count_request(
    const net::Request& request, std::string_view pattern, const net::Response& response,
    std::chrono::microseconds time) {
  if (!observed_) return;
  metrics::RequestRecord record;
  record.route = pattern.empty() ? "other" : request.method + " " + std::string(pattern);
  record.status = response.status;
  record.time = time;
  observed_->writer.record(record);
  observed_->figures.record(record);
}

void Service::log_request(const net::Request& request, const net::Response& response, std::chrono::microseconds time) {
  if (!settings_.access_log) return;
  if (request.path == "/health" && response.status == 200) {
    if (probe_logged_) return;  // probes come for ever
    probe_logged_ = true;
  }
  log_info(
      "request", {{"method", request.method},
                  {"path", request.path},
                  {"status_code", response.status},
                  {"duration_ms", std::round(milliseconds(time) * 10) / 10},
                  {"client_ip", request.peer.to_string()},
                  {"request_id", request.id}});
}

}  // namespace ci::api
