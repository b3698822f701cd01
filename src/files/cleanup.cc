#include "files/cleanup.h"

#include <algorithm>

#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/time_text.h"
#include "files/record_text.h"

namespace ci::files {

namespace {

constexpr int page_size = 500;

// Beside the sessions, so no id may be one of these words; they have characters that ids have not.
constexpr const char* next_sweep_key = "sessions.cleanup:next";
constexpr const char* sweeper_key = "sessions.cleanup:lease";
constexpr auto longest_rest = std::chrono::hours(24);

bool is_in_use(const std::optional<store::Fields>& fields) {
  const auto session = fields ? session_from(*fields) : std::nullopt;
  return session && !has_expired(*session);
}

}  // namespace

awaitable<int> Cleanup::sweep() {
  int removed = 0, failed = 0;
  std::string reason;
  next_expiry_.reset();
  left_over_ = false;
  std::string cursor;
  do {
    const auto listed = co_await records_.scan_members(session_index_key, cursor, page_size);
    if (!cursor.empty() && settings_.pause.count() > 0) co_await sleep_for(settings_.pause);
    cursor = listed.cursor;
    const std::vector<std::string>& ids = listed.keys;
    std::vector<std::string> keys;
    for (const std::string& id : ids) keys.push_back(session_key(id));
    const auto page = co_await records_.get_fields_of_all(std::move(keys));
    for (size_t i = 0; i < ids.size(); ++i) {
      if (is_in_use(page[i])) {
        const auto expires = session_from(*page[i])->expires;
        if (expires && (!next_expiry_ || *expires < *next_expiry_)) next_expiry_ = expires;
        continue;
      }
      try {
        const bool is_gone = co_await remove_session(ids[i]);
        if (is_gone)
          ++removed;
        else
          left_over_ = true;
      } catch (const Failure& failure) {
        ++failed;
        left_over_ = true;
        reason = failure.what();
      }
    }
  } while (!cursor.empty());
  if (settings_.orphans) co_await remove_orphans("sessions/");
  if (removed > 0) log_info("expired sessions removed", {{"count", removed}});
  if (failed > 0) log_warning("expired sessions stay for now", {{"count", failed}, {"reason", reason}});
  co_return removed;
}

awaitable<bool> Cleanup::remove_session(std::string session) {
  // Listed before: what a session has that comes back under the same id is not among them.
  const std::vector<FileRecord> files = co_await files_.list(session);
  bool ended = false;
  if (in_turn_) {
    Work work = [&]() -> awaitable<void> { ended = co_await end_session(session); };
    co_await in_turn_(session, std::move(work));
  } else {
    ended = co_await end_session(session);
  }
  if (!ended) co_return false;
  for (const FileRecord& file : files) co_await files_.remove(session, file.id);
  // Bodies whose records have ended by themselves.
  if (is_plausible_id(session)) co_await remove_orphans("sessions/" + session + "/");
  // It stays on the list until all of it is gone, and when it has come back.
  const auto again = co_await records_.get_fields(session_key(session));
  if (again) co_return true;
  std::vector<store::Write> writes;
  writes.push_back(store::Write::remove(session_files_key(session)));
  writes.push_back(store::Write::remove_member(session_index_key, session));
  co_await records_.write(std::move(writes));
  co_return true;
}

awaitable<bool> Cleanup::end_session(std::string session) {
  // A sweep takes a while: somebody may have come back meanwhile.
  const auto fields = co_await records_.get_fields(session_key(session));
  if (is_in_use(fields)) co_return false;
  if (also_) co_await also_(session);
  std::vector<store::Write> writes;
  writes.push_back(store::Write::remove(session_key(session)));
  // A session whose record is gone leaves its entity's set when somebody looks there, and its name ends with it.
  if (const auto known = fields ? session_from(*fields) : std::nullopt) {
    if (!known->entity.empty()) {
      for (std::string key :
           {entity_key(known->entity, known->credential, known->user), entity_of_all_key(known->entity)})
        writes.push_back(store::Write::remove_member(std::move(key), session));
    }
    if (!known->name.empty()) co_await records_.remove_if_equal(name_key(known->name), session);
  }
  co_await records_.write(std::move(writes));
  co_return true;
}

awaitable<int> Cleanup::sweep_if_due(std::chrono::milliseconds interval) {
  // Another one may have swept, or be at it. Nobody gives this lease back: it is what makes the interval.
  const auto now = std::chrono::system_clock::now();
  const auto due = co_await records_.get(next_sweep_key);
  const auto time = due ? parse_iso_time(*due) : std::nullopt;
  // What was due when another setting was in force says little.
  if (time && now < *time && swept_) co_return 0;
  const bool ours = co_await records_.set_if_absent(sweeper_key, new_id(), interval - interval / 10);
  if (!ours) co_return 0;
  const int removed = co_await sweep();
  swept_ = true;
  Time next = now + longest_rest;
  if (next_expiry_) next = std::min(next, *next_expiry_);
  if (settings_.ttl.count() > 0) next = std::min(next, now + settings_.ttl);
  // What has a record without a session, or could not be removed, is on the list still.
  if (left_over_) next = now;
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set(
      next_sweep_key, iso_time(next), std::chrono::duration_cast<std::chrono::milliseconds>(longest_rest)));
  co_await records_.write(std::move(writes));
  co_return removed;
}

awaitable<void> Cleanup::remove_orphans(std::string prefix) {
  const auto newest = std::chrono::system_clock::now() - settings_.youngest_orphan;
  std::string cursor;
  do {
    const auto page = co_await bodies_.list(prefix, cursor, page_size);
    for (const store::ObjectInfo& object : page.objects) {
      // "sessions/<session>/uploads/<file>"
      const size_t session_end = object.key.find('/', 9), id_begin = object.key.rfind('/') + 1;
      if (session_end == object.key.npos || object.modified > newest) continue;
      const std::string session = object.key.substr(9, session_end - 9), id = object.key.substr(id_begin);
      if (co_await files_.find(session, id)) continue;
      const auto users = co_await records_.members(object_users_key(object.key));
      if (users.empty()) co_await bodies_.remove(object.key);
    }
    cursor = page.cursor;
  } while (!cursor.empty());
}

}  // namespace ci::files
