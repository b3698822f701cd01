#include "files/sessions.h"

#include <algorithm>

#include "base/failure.h"
#include "base/ids.h"
#include "base/sha256.h"
#include "base/time_text.h"
#include "files/record_text.h"

namespace ci::files {

namespace {

using std::chrono::system_clock;

constexpr auto touch_interval = std::chrono::minutes(1);

std::string name_digest(const std::string& credential, const std::string& user, const std::string& name) {
  std::string whole = credential + '\0' + name;
  if (!user.empty()) whole += '\0' + user;
  return sha256_hex(whole).substr(0, 40);
}

store::Ttl until_expiry(const Session& session, system_clock::time_point now) {
  if (!session.expires) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::max(*session.expires - now, system_clock::duration(0)));
}

}  // namespace

bool owns(const Caller& caller, const Session& session) {
  return session.credential == caller.credential || (!caller.former.empty() && session.credential == caller.former);
}

bool has_expired(const Session& session) { return session.expires && *session.expires <= system_clock::now(); }

bool is_live(const Session& session) { return session.active && !has_expired(session); }

Session Sessions::draft(const Caller& caller, std::string entity, bool shared) const {
  Session session;
  session.id = new_id();
  session.credential = caller.credential;
  session.user = caller.user;
  session.entity = std::move(entity);
  session.shared = shared;
  session.created = session.last_activity = system_clock::now();
  if (settings_.ttl.count() > 0) session.expires = session.created + settings_.ttl;
  return session;
}

std::vector<store::Write> Sessions::writes_for(const Session& session) const {
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set_fields(
      session_key(session.id), fields_of(session), until_expiry(session, session.last_activity)));
  writes.push_back(store::Write::add_member(session_index_key, session.id));
  if (!session.name.empty()) {
    writes.push_back(store::Write::expire(name_key(session.name), until_expiry(session, session.last_activity)));
  }
  // Shared sessions are not looked for by their entity, and an agent can have thousands.
  if (!session.entity.empty() && !session.shared) {
    const std::string key = entity_key(session.entity, session.credential, session.user);
    writes.push_back(store::Write::add_member(key, session.id));
  }
  return writes;
}

awaitable<std::optional<Session>> Sessions::named_formerly(const std::string& name, const Caller& caller) {
  if (caller.former.empty()) co_return std::nullopt;
  const std::string digest = name_digest(caller.former, "", name);  // users were not told apart
  const auto id = co_await store_.get(name_key(digest));
  if (!id) co_return std::nullopt;
  auto session = co_await look_up(*id);
  if (!session || !is_live(*session) || session->credential != caller.former) co_return std::nullopt;
  if (!caller.user.empty() && session->user != caller.user) co_return std::nullopt;
  session->name = digest;
  co_return session;
}

awaitable<Sessions::Named> Sessions::named(std::string name, const Caller& caller, std::string entity) {
  Named result;
  result.digest = name_digest(caller.credential, caller.user, name);
  const std::string key = name_key(result.digest);
  result.session = draft(caller, std::move(entity), false);
  result.session.name = result.digest;
  store::Ttl life;
  if (settings_.ttl.count() > 0) life = settings_.ttl;
  for (int attempt = 0; attempt < 6; ++attempt) {
    const auto id = co_await store_.get(key);
    if (!id) {
      if (auto former = co_await named_formerly(name, caller)) {
        result.digest = former->name;
        result.session = std::move(*former);
        result.existed = true;
        co_return result;
      }
      const bool first = co_await store_.set_if_absent(key, result.session.id, life);
      if (first) co_return result;
      continue;
    }
    auto session = co_await look_up(*id);
    if (!session && is_plausible_id(*id)) {
      // About to be stored by whoever was first.
      result.session.id = *id;
      co_return result;
    }
    if (session && is_live(*session) && owns(caller, *session)) {
      result.session = std::move(*session);
      result.session.name = result.digest;
      result.existed = true;
      co_return result;
    }
    // It has ended: whoever takes the name away may give it to another one.
    co_await store_.remove_if_equal(key, *id);
  }
  throw Failure(FailureKind::unavailable, "a session's name changed hands too often");
}

awaitable<std::optional<Session>> Sessions::look_up(std::string id) {
  // "index" would be the set of all sessions.
  if (!is_plausible_id(id) || id == "index") co_return std::nullopt;
  const auto fields = co_await store_.get_fields(session_key(id));
  if (!fields) co_return std::nullopt;
  co_return session_from(*fields);
}

awaitable<std::optional<Session>> Sessions::find(std::string id) {
  auto session = co_await look_up(std::move(id));
  if (!session || !is_live(*session)) co_return std::nullopt;
  co_return session;
}

awaitable<std::optional<Session>> Sessions::find_by_entity(std::string entity, const Caller& caller) {
  std::vector<std::string> keys = {entity_key(entity, caller.credential, caller.user)};
  if (!caller.former.empty()) keys.push_back(entity_key(entity, caller.former, caller.user));
  keys.push_back(entity_of_all_key(entity));
  for (std::string& key : keys) {
    auto found = co_await find_in(std::move(key), caller);
    if (found) co_return found;
  }
  co_return std::nullopt;
}

awaitable<std::optional<Session>> Sessions::find_in(std::string entity_set, const Caller& caller) {
  std::optional<Session> latest;
  std::vector<store::Write> dead;
  std::vector<std::string> keys;
  const std::vector<std::string> ids = co_await store_.members(entity_set);
  for (const std::string& id : ids) keys.push_back(session_key(id));
  const auto records = co_await store_.get_fields_of_all(std::move(keys));
  for (size_t i = 0; i < ids.size(); ++i) {
    auto session = records[i] ? session_from(*records[i]) : std::nullopt;
    if (!session || !is_live(*session)) {
      dead.push_back(store::Write::remove_member(entity_set, ids[i]));
      continue;
    }
    if (session->shared || !owns(caller, *session) || session->user != caller.user) continue;
    if (!latest || session->last_activity > latest->last_activity) latest = std::move(session);
  }
  if (!dead.empty()) co_await store_.write(std::move(dead));
  co_return latest;
}

std::vector<store::Write> Sessions::touch(Session& session) const {
  const auto now = system_clock::now();
  std::vector<store::Write> writes;
  if (now - session.last_activity < touch_interval) return writes;
  session.last_activity = now;
  // The setting of today counts, also for a session that began under another one.
  const bool expired_once = session.expires.has_value();
  session.expires.reset();
  if (settings_.ttl.count() > 0) session.expires = now + settings_.ttl;
  store::Fields fields = {
      {"last_activity", iso_time(now)}, {"expires_at", expiry_text(session)}, {"name", session.name}};
  writes.push_back(store::Write::set_fields(session_key(session.id), std::move(fields), until_expiry(session, now)));
  if (expired_once && !session.expires) writes.push_back(store::Write::expire(session_key(session.id), {}));
  if (!session.name.empty()) writes.push_back(store::Write::expire(name_key(session.name), until_expiry(session, now)));
  return writes;
}

}  // namespace ci::files
