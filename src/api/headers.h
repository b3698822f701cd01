#pragma once
// Headers that every answer has, and what browsers of other origins may read.

#include "api/settings.h"
#include "net/http.h"

namespace ci::api {

// The security headers and X-Request-ID, and those of CORS when it is on.
void add_headers(net::Response& response, const net::Request& request, const ApiSettings& settings);

// A browser asking for permission; to be answered without a key.
bool is_preflight(const net::Request& request);
net::Response preflight_response(const net::Request& request);

}  // namespace ci::api
