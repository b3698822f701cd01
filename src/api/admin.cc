#include "api/admin.h"

#include "access/key_json.h"
#include "api/admin_json.h"
#include "api/errors.h"
#include "api/json.h"
#include "base/log.h"
#include "base/time_text.h"

namespace ci::api {

namespace json = boost::json;

namespace {

constexpr std::uint64_t longest_body = 64 << 10;

std::string_view name_of(execution::RunState state) {
  switch (state) {
    case execution::RunState::waiting:
      return "waiting";
    case execution::RunState::running:
      return "running";
    case execution::RunState::paused:
      return "paused";
    case execution::RunState::ended:
      return "ended";
  }
  std::unreachable();
}

json::object describe_run(const execution::Run& run) {
  json::object object;
  object["id"] = run.id();
  object["request_id"] = run.request_id();
  object["api_key_hash"] = run.key();
  object["language"] = run.language();
  object["state"] = name_of(run.state());
  object["session_id"] = run.session().substr(0, 12);  // who knows all of it has what is in the session
  object["started_at"] = iso_time(run.begin());
  const auto age = std::chrono::system_clock::now() - run.begin();
  object["seconds"] = std::chrono::duration<double>(age).count();
  return object;
}

}  // namespace

// By its full hash or by the first digits of it, as metrics have them.
awaitable<access::KeyRecord> AdminRoutes::record_of(std::string hash) {
  const auto record = co_await keys_.records.find_by_id(std::move(hash));
  if (!record) throw ApiError(404, "Key not found");
  co_return *record;
}

awaitable<net::Response> AdminRoutes::list_keys(net::Request&) {
  json::array keys;
  const auto records = co_await keys_.records.list();
  for (const access::KeyRecord& record : records) keys.push_back(access::describe_key(record));
  co_return json_response(200, keys);
}

awaitable<net::Response> AdminRoutes::show_key(net::Request& request) {
  const access::KeyRecord record = co_await record_of(request.captures.at(0));
  const auto now = std::chrono::system_clock::now();
  const auto used = co_await access::usage_of(keys_.store, record.short_hash(), now);
  json::object body = access::describe_key(record);
  body["usage"] = access::describe_usage(record.limits, used, now);
  co_return json_response(200, body);
}

awaitable<net::Response> AdminRoutes::create_key(net::Request& request) {
  const std::string body = co_await net::read_body(request, longest_body);
  access::KeyChange wanted = parse_key(body, true);
  const auto created = co_await keys_.records.create(std::move(wanted));
  keys_.ring.forget(created.record.hash);
  log_info("key created", {{"api_key_hash", created.record.hash.substr(0, 8)}, {"request_id", request.id}});
  json::object answer;
  answer["api_key"] = created.key;
  answer["record"] = access::describe_key(created.record);
  co_return json_response(200, answer);
}

awaitable<net::Response> AdminRoutes::update_key(net::Request& request) {
  const std::string body = co_await net::read_body(request, longest_body);
  access::KeyChange change = parse_key(body, false);
  const access::KeyRecord record = co_await record_of(request.captures.at(0));
  if (record.of_environment) {
    throw ApiError(403, "Environment keys cannot be modified. Update the API_KEY environment variable instead.");
  }
  co_await keys_.records.update(record.hash, std::move(change));
  keys_.ring.forget(record.hash);
  log_info("key changed", {{"api_key_hash", record.hash.substr(0, 8)}, {"request_id", request.id}});
  co_return json_response(200, true);
}

awaitable<net::Response> AdminRoutes::revoke_key(net::Request& request) {
  const access::KeyRecord record = co_await record_of(request.captures.at(0));
  if (record.of_environment) {
    throw ApiError(403, "Environment keys cannot be revoked. Remove the API_KEY environment variable instead.");
  }
  co_await keys_.records.revoke(record.hash);
  keys_.ring.forget(record.hash);
  log_info("key revoked", {{"api_key_hash", record.hash.substr(0, 8)}, {"request_id", request.id}});
  co_return json_response(200, true);
}

awaitable<net::Response> AdminRoutes::list_runs(net::Request&) {
  json::object body;
  json::array& list = body["runs"].emplace_array();
  for (const auto& run : runs_.all()) {
    if (run->state() != execution::RunState::ended) list.push_back(describe_run(*run));
  }
  co_return json_response(200, body);
}

awaitable<net::Response> AdminRoutes::cancel_run(net::Request& request) {
  for (const auto& run : runs_.all()) {
    if (run->id() != request.captures.at(0) || run->state() == execution::RunState::ended) continue;
    log_info("run cancelled by the administration", {{"run_id", run->id()}, {"request_id", request.id}});
    co_return json_response(200, run->cancel());
  }
  throw ApiError(404, "No such run");
}

}  // namespace ci::api
