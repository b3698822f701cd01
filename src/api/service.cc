#include "api/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <cmath>

#include "api/errors.h"
#include "api/headers.h"
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
    execution::Executions& executions, execution::Runs& runs, files::Sessions& sessions,
    files::SessionFiles& files, state::States& states, const access::ApiKeys& keys, const pool::SandboxPool& pool,
    ApiSettings settings)
    : settings_(std::move(settings)),
      authenticator_(keys, settings_),
      health_(settings_, pool, executions),
      exec_(runs, pool, settings_),
      upload_(sessions, files, settings_),
      files_(sessions, files, settings_),
      states_(states, sessions, settings_) {
  using net::Request;
  Route open, run, plain, own_types;
  open.who = Who::anybody;
  run.cost = Cost::run;
  own_types.body = BodyType::any;
  add("GET", "/health", open, [this](Request& request) { return health_.health(request); });
  add("GET", "/health/{service}", plain, [this](Request& request) { return health_.service(request); });
  add("GET", "/ready", open, [this](Request& request) { return health_.ready(request); });
  add("GET", "/config", plain, [this](Request& request) { return health_.config(request, route_names_); });
  add("POST", "/exec", run, [this](Request& request) { return exec_.post(request); });
  for (const char* path : {"/exec/programmatic", "/exec/programmatic/cancel"}) add("POST", path, plain, refuse_programmatic);
  add("POST", "/upload", own_types, [this](Request& request) { return upload_.upload(request); });
  add("POST", "/upload/batch", own_types, [this](Request& request) { return upload_.batch(request); });
  add("GET", "/files/{session}", plain, [this](Request& request) { return files_.list(request); });
  add("DELETE", "/files/{session}/{file}", plain, [this](Request& request) { return files_.remove(request); });
  add("DELETE", "/sessions/{session}/objects/{file}", plain, [this](Request& request) { return files_.remove(request); });
  add("GET", "/sessions/{session}/objects/{file}", plain, [this](Request& request) { return files_.describe(request); });
  add("GET", "/download/{session}/{file}", plain, [this](Request& request) { return files_.download(request); });
  add("GET", "/state/{session}", own_types, [this](Request& request) { return states_.get(request); });
  add("POST", "/state/{session}", own_types, [this](Request& request) { return states_.put(request); });
  add("DELETE", "/state/{session}", own_types, [this](Request& request) { return states_.remove(request); });
  add("GET", "/state/{session}/info", own_types, [this](Request& request) { return states_.info(request); });
  add("OPTIONS", "/download/{session}/{file}", open, [this](Request& request) { return files_.allow_download(request); });
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
  access::Principal principal;
  if (route.who == Who::known) {
    if (stopping_) throw ApiError::unavailable("Service is shutting down");
    principal = co_await authenticator_.authenticate(request, body);
    request.caller = principal.id;
    request.former_caller = principal.former_id;
    request.queue = principal.queue;
    request.held.belongs_to(request.queue);
  }
  if (match.handler == nullptr && !match.path_known) throw ApiError::of_router(404, "Not Found", "Not Found");
  if (match.handler == nullptr) throw ApiError::of_router(405, "Method Not Allowed", "Method Not Allowed");
  if (route.cost != Cost::nothing && charge_) co_await charge_(principal, route.cost);
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
  co_return response;
}

void Service::log_request(
    const net::Request& request, const net::Response& response, std::chrono::microseconds time) {
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
