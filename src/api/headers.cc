#include "api/headers.h"

#include <algorithm>

#include "api/profile.h"
#include "net/response_head.h"

namespace ci::api {

namespace {

void add_cors(net::Response& response, const net::Request& request, const ApiSettings& settings) {
  const auto origin = request.headers.find("Origin");
  if (!origin) return;
  response.headers.add("Vary", "Origin");
  const auto& origins = settings.cors_origins;
  const bool any = origins.empty() || std::ranges::find(origins, "*") != origins.end();
  if (!any && std::ranges::find(origins, *origin) == origins.end()) return;
  // Named even when any may ask: "*" does not go together with credentials.
  response.headers.set("Access-Control-Allow-Origin", std::string(*origin));
  response.headers.set("Access-Control-Allow-Credentials", "true");
  response.headers.set("Access-Control-Expose-Headers", "Content-Disposition");
}

}  // namespace

void add_headers(net::Response& response, const net::Request& request, const ApiSettings& settings) {
  net::add_security_headers(response.headers);
  response.headers.set("X-Request-ID", request.id);
  response.headers.set("X-CodeAPI-Execution-Profile", std::string(profile_of(request, settings)));
  if (settings.cors) add_cors(response, request, settings);
}

bool is_preflight(const net::Request& request) {
  return request.method == "OPTIONS" && request.headers.find("Origin") &&
         request.headers.find("Access-Control-Request-Method");
}

net::Response preflight_response(const net::Request& request) {
  net::Response response(200, "text/plain; charset=utf-8", "OK");
  response.headers.set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS");
  const auto wanted = request.headers.find("Access-Control-Request-Headers");
  response.headers.set("Access-Control-Allow-Headers", std::string(wanted.value_or("*")));
  response.headers.set("Access-Control-Max-Age", "600");
  return response;
}

}  // namespace ci::api
