#include "api/service.h"

#include <fmt/format.h>

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
  router_.add("GET", "/health", [this](Request& request) { return health_.health(request); });
  router_.add("GET", "/health/{service}", [this](Request& request) { return health_.service(request); });
  router_.add("GET", "/ready", [this](Request& request) { return health_.ready(request); });
  router_.add("GET", "/config", [this](Request& request) { return health_.config(request); });
  router_.add("POST", "/exec", [this](Request& request) { return exec_.post(request); });
  for (const char* path : {"/exec/programmatic", "/exec/programmatic/cancel"}) router_.add("POST", path, refuse_programmatic);
  router_.add("POST", "/upload", [this](Request& request) { return upload_.upload(request); });
  router_.add("POST", "/upload/batch", [this](Request& request) { return upload_.batch(request); });
  router_.add("GET", "/files/{session}", [this](Request& request) { return files_.list(request); });
  router_.add("DELETE", "/files/{session}/{file}", [this](Request& request) { return files_.remove(request); });
  router_.add("DELETE", "/sessions/{session}/objects/{file}", [this](Request& request) { return files_.remove(request); });
  router_.add("GET", "/sessions/{session}/objects/{file}", [this](Request& request) { return files_.describe(request); });
  router_.add("GET", "/download/{session}/{file}", [this](Request& request) { return files_.download(request); });
  router_.add("GET", "/state/{session}", [this](Request& request) { return states_.get(request); });
  router_.add("POST", "/state/{session}", [this](Request& request) { return states_.put(request); });
  router_.add("DELETE", "/state/{session}", [this](Request& request) { return states_.remove(request); });
  router_.add("GET", "/state/{session}/info", [this](Request& request) { return states_.info(request); });
  router_.add("OPTIONS", "/download/{session}/{file}", [this](Request& request) { return files_.allow_download(request); });
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
  check_content_type(request);
  std::unique_ptr<ByteSource> body;  // read on the way to the key, for the handler to read again
  if (!needs_no_key(request)) {
    if (stopping_) throw ApiError::unavailable("Service is shutting down");
    co_await authenticator_.authenticate(request, body);
  }
  if (match.handler == nullptr && !match.path_known) throw ApiError::of_router(404, "Not Found", "Not Found");
  if (match.handler == nullptr) throw ApiError::of_router(405, "Method Not Allowed", "Method Not Allowed");
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
