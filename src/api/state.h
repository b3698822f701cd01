#pragma once
// The Python state of sessions, for clients to save and to bring back.

#include "api/settings.h"
#include "files/sessions.h"
#include "net/http.h"
#include "state/states.h"

namespace ci::api {

class StateRoutes {
 public:
  StateRoutes(state::States& states, files::Sessions& sessions, const ApiSettings& settings)
      : states_(states), sessions_(sessions), settings_(settings) {}

  awaitable<net::Response> get(net::Request& request);     // GET /state/{session}
  awaitable<net::Response> put(net::Request& request);     // POST /state/{session}
  awaitable<net::Response> remove(net::Request& request);  // DELETE /state/{session}
  awaitable<net::Response> info(net::Request& request);    // GET /state/{session}/info

 private:
  awaitable<std::optional<files::Session>> find_to_save(std::string id);
  // Whether the request's caller may know of this session's state.
  awaitable<bool> may_see(const net::Request& request, std::string session);
  // Unless another user is named than the session's; with strict ownership its credential counts as well.
  bool is_of(const files::Session& session, const files::Caller& caller) const;

  state::States& states_;
  files::Sessions& sessions_;
  const ApiSettings& settings_;
};

}  // namespace ci::api
