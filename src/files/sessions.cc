#include "files/sessions.h"

#include <algorithm>

#include "base/ids.h"
#include "base/time_text.h"
#include "files/record_text.h"

namespace ci::files {

namespace {

using std::chrono::system_clock;

constexpr auto touch_interval = std::chrono::minutes(1);

store::Ttl until_expiry(const Session& session, system_clock::time_point now) {
  if (!session.expires) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::max(*session.expires - now, system_clock::duration(0)));
}

bool is_live(const Session& session) {
  return session.active && (!session.expires || *session.expires > system_clock::now());
}

}  // namespace

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
  if (!session.entity.empty()) writes.push_back(store::Write::add_member(entity_key(session.entity), session.id));
  return writes;
}

awaitable<std::optional<Session>> Sessions::find(std::string id) {
  const auto fields = co_await store_.get_fields(session_key(id));
  if (!fields) co_return std::nullopt;
  auto session = session_from(*fields);
  if (!session || !is_live(*session)) co_return std::nullopt;
  co_return session;
}

awaitable<std::optional<Session>> Sessions::find_by_entity(std::string entity, const Caller& caller) {
  std::optional<Session> latest;
  std::vector<store::Write> dead;
  for (const std::string& id : co_await store_.members(entity_key(entity))) {
    auto session = co_await find(id);
    if (!session) {
      dead.push_back(store::Write::remove_member(entity_key(entity), id));
      continue;
    }
    if (session->shared || session->credential != caller.credential || session->user != caller.user) continue;
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
  if (session.expires) session.expires = now + settings_.ttl;
  store::Fields fields = {{"last_activity", iso_time(now)}};
  if (session.expires) fields.emplace_back("expires_at", iso_time(*session.expires));
  writes.push_back(store::Write::set_fields(session_key(session.id), std::move(fields), until_expiry(session, now)));
  return writes;
}

}  // namespace ci::files
