#include "api/state.h"

#include <fmt/format.h>

#include "api/auth.h"
#include "api/errors.h"
#include "api/json.h"
#include "base/failure.h"
#include "base/log.h"
#include "base/time_text.h"
#include "net/conditional.h"
#include "state/wire.h"

namespace ci::api {

namespace json = boost::json;

namespace {

// The code word is found in the text, where older clients look for it, and in the details.
ApiError state_error(int status, std::string_view field, std::string_view code, const std::string& message) {
  return ApiError(status, fmt::format("{}: {}", code, message), {{std::string(field), message, std::string(code)}});
}

ApiError not_found() { return state_error(404, "session_id", "state_not_found", "No state for session"); }

ApiError save_failed(const std::string& session, const Failure& failure) {
  log_error("state not saved", {{"session_id", session}, {"reason", failure.what()}});
  return state_error(500, "body", "save_failed", "Failed to save state");
}

// Ids become part of keys.
std::string session_of(const net::Request& request) {
  std::string id = request.captures.at(0);
  if (!state::is_state_id(id)) throw state_error(400, "session_id", "invalid_state", "Invalid session id");
  return id;
}

std::string entity_tag(const std::string& hash) { return '"' + hash + '"'; }

}  // namespace

awaitable<bool> StateRoutes::may_see(const net::Request& request, std::string session_id) {
  const files::Caller caller = caller_of(request);
  if (!settings_.strict_ownership && caller.user.empty()) co_return true;
  const auto session = co_await sessions_.find(std::move(session_id));
  if (!session) co_return !settings_.strict_ownership;
  co_return is_of(*session, caller);
}

bool StateRoutes::is_of(const files::Session& session, const files::Caller& caller) const {
  if (settings_.strict_ownership && !files::owns(caller, session)) return false;
  return caller.user.empty() || session.user.empty() || session.user == caller.user;
}

awaitable<net::Response> StateRoutes::get(net::Request& request) {
  const std::string session = session_of(request);
  const bool allowed = co_await may_see(request, session);
  if (!allowed) throw not_found();
  auto record = co_await states_.find(session);
  if (!record) throw not_found();
  net::Response response;
  if (net::names_tag(request.headers.find("If-None-Match").value_or(""), entity_tag(record->hash))) {
    response.headers.set("ETag", entity_tag(record->hash));
    response.status = 304;
    co_return response;
  }
  auto content = co_await states_.read(session, *record);
  if (!content) throw not_found();
  response.headers.set("ETag", entity_tag(record->hash));
  response.headers.set("Content-Type", "application/octet-stream");
  response.body = net::SourceBody(std::move(content->body), content->size);
  co_return response;
}

awaitable<std::optional<files::Session>> StateRoutes::find_to_save(std::string id) {
  try {
    co_return co_await sessions_.find(id);
  } catch (const Failure& failure) {
    throw save_failed(id, failure);
  }
}

awaitable<net::Response> StateRoutes::put(net::Request& request) {
  const std::string id = session_of(request);
  const std::uint64_t limit = states_.settings().size_limit;
  const files::Caller caller = caller_of(request);
  std::optional<files::Session> session = co_await find_to_save(id);
  if (session && !is_of(*session, caller)) throw ApiError(403, "Unauthorized session");
  std::string bytes;
  bool too_large = false;
  try {
    bytes = co_await net::read_body(request, limit);
  } catch (const Failure& failure) {
    if (failure.kind() != FailureKind::exhausted) throw;
    too_large = true;
  }
  if (too_large) {
    ApiError error = state_error(413, "body", "state_too_large", fmt::format("State exceeds {}MB limit", limit >> 20));
    error.set_max_bytes(limit);
    throw error;
  }
  if (bytes.size() < state::shortest_state) throw state_error(400, "body", "invalid_state", "State too short");
  if (const auto version = static_cast<unsigned char>(bytes[0]); !state::is_known_version(version)) {
    throw state_error(400, "body", "invalid_state", fmt::format("Unknown state version: {}", version));
  }
  const std::size_t size = bytes.size();

  // A state outlives its session: so the session comes back with it.
  std::vector<store::Write> writes;
  if (session) {
    // All of it: it may expire, and be cleared away, before ours is written.
    (void)sessions_.touch(*session);
    writes = sessions_.writes_for(*session);
  } else {
    session = sessions_.draft(caller, "", false);
    session->id = id;
    writes = sessions_.writes_for(*session);
  }
  try {
    co_await states_.upload(id, std::move(bytes), std::move(writes));
  } catch (const Failure& failure) {
    throw save_failed(id, failure);
  }
  json::object body;
  body["message"] = "state_uploaded";
  body["size"] = size;
  co_return json_response(201, body);
}

awaitable<net::Response> StateRoutes::remove(net::Request& request) {
  const std::string session = session_of(request);
  const bool allowed = co_await may_see(request, session);
  if (allowed) co_await states_.remove(session);
  net::Response response;
  response.status = 204;
  co_return response;
}

awaitable<net::Response> StateRoutes::info(net::Request& request) {
  const std::string session = session_of(request);
  const bool allowed = co_await may_see(request, session);
  state::Info info;
  if (allowed) info = co_await states_.info(session);
  json::object body;
  const bool exists = info.archived || !info.record.hash.empty();
  body["exists"] = exists;
  body["session_id"] = session;
  for (const char* name : {"size_bytes", "hash", "created_at", "expires_at", "source"}) body[name] = nullptr;
  if (exists) {
    // Another program's archive may not tell the first two.
    if (info.record.size > 0) body["size_bytes"] = info.record.size;
    if (!info.record.hash.empty()) body["hash"] = info.record.hash;
    body["created_at"] = iso_time(info.record.created);
    if (info.expires) body["expires_at"] = iso_time(*info.expires);
    body["source"] = info.archived ? "archive" : "redis";
  }
  co_return json_response(200, body);
}

}  // namespace ci::api
