#include "api/auth.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "api/errors.h"
#include "base/log.h"

namespace ci::api {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

bool has_body(const net::Request& request) {
  return request.method == "POST" || request.method == "PUT" || request.method == "PATCH";
}

bool is_json(const net::Request& request) {
  std::string type = lower(request.headers.find("Content-Type").value_or(""));
  type.resize(std::min(type.size(), type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type == "application/json";
}

}  // namespace

bool needs_no_key(const net::Request& request) {
  constexpr std::array<std::string_view, 5> paths = {"/health", "/ready", "/docs", "/redoc", "/openapi.json"};
  return request.method == "OPTIONS" || std::ranges::find(paths, request.path) != paths.end();
}

void check_content_type(const net::Request& request) {
  constexpr std::array<std::string_view, 4> taken = {
      "application/json", "multipart/form-data", "application/x-www-form-urlencoded", "text/plain"};
  if (!has_body(request) || request.path.starts_with("/upload") || request.path.starts_with("/state/")) return;
  const std::string_view sent = request.headers.find("Content-Type").value_or("");
  const std::string type = lower(sent);
  if (std::ranges::any_of(taken, [&](std::string_view one) { return type.contains(one); })) return;
  throw ApiError(415, "Unsupported content type: " + std::string(sent));
}

Authenticator::Authenticator(const access::ApiKeys& keys, const ApiSettings& settings)
    : keys_(keys),
      settings_(settings),
      trusted_(settings.trusted_networks),
      failures_(settings.failure_limit, settings.failure_window) {}

std::optional<std::string> Authenticator::key_in_headers(const net::Request& request) const {
  access::PresentedKeys presented;
  presented.api_key_header = request.headers.find("x-api-key");
  if (presented.api_key_header.value_or("").empty() && !settings_.api_key_header.empty()) {
    presented.api_key_header = request.headers.find(settings_.api_key_header);
  }
  presented.authorization = request.headers.find("Authorization");
  return access::presented_key(presented);
}

void Authenticator::refuse_when_failing(const std::string& address) {
  if (const auto wait = failures_.refuse(address, std::chrono::steady_clock::now())) {
    throw ApiError::rate_limited("Too many authentication failures. Please try again later.", *wait);
  }
}

awaitable<void> Authenticator::authenticate(net::Request& request, std::unique_ptr<ByteSource>& body) {
  const std::string address = request.peer.to_string();
  request.queue = address;
  if (!settings_.authentication) {
    request.caller = "anonymous";
    co_return;
  }
  const bool trusted = trusted_.contains(request.peer);
  std::optional<std::string> key = key_in_headers(request);
  if (!key && !trusted && has_body(request) && is_json(request)) {
    // Before we read so much for a stranger.
    refuse_when_failing(address);
    std::string text = co_await net::read_body(request, settings_.json_bytes);
    key = access::key_in_body(text);
    body = std::make_unique<StringSource>(std::move(text));
    request.body = body.get();
  }
  if (key) {
    if (const auto credential = keys_.credential_of(*key)) {
      // Also at an address with many failures: behind a proxy all clients share one.
      request.caller = *credential;
      request.queue = access::ApiKeys::queue_of(*key);
      co_return;
    }
  }
  if (trusted) {
    request.caller = "trusted";
    co_return;
  }
  if (!key) throw ApiError(401, "Missing API key");
  refuse_when_failing(address);
  failures_.failed(address, std::chrono::steady_clock::now());
  if (settings_.security_log) log_warning("wrong API key", {{"client_ip", address}, {"request_id", request.id}});
  throw ApiError(401, "Invalid API key");
}

}  // namespace ci::api
