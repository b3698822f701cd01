#pragma once
// What a client expects of the environment that its code runs in, told in headers. One address serves both profiles.

#include <string_view>

#include "api/settings.h"
#include "net/http.h"

namespace ci::api {

// Of a request to run code. Throws what ends the conversation with this server: a profile that there is none of (400), files that
// must stay while named sessions are off, or a run on somebody's own machine (409).
void check_environment(const net::Request& request, const ApiSettings& settings);

// Whether a run may have a session by a name of the client's: not when the client expects none.
bool may_name_session(const net::Request& request);

// "default" or "stateful", for the answer.
std::string_view profile_of(const net::Request& request, const ApiSettings& settings);

}  // namespace ci::api
