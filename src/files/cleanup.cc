#include "files/cleanup.h"

#include "base/log.h"
#include "files/record_text.h"

namespace ci::files {

namespace {

// A body younger than this may belong to an upload whose record is about to be written.
constexpr auto youngest_orphan = std::chrono::hours(1);
constexpr int page_size = 500;

}  // namespace

awaitable<int> Cleanup::sweep() {
  int removed = 0;
  const auto ids = co_await records_.members(session_index_key);
  for (const std::string& id : ids) {
    if (co_await remove_if_expired(id)) ++removed;
  }
  if (settings_.orphans) co_await remove_orphans();
  if (removed > 0) log_info("expired sessions removed", {{"count", std::to_string(removed)}});
  co_return removed;
}

awaitable<bool> Cleanup::remove_if_expired(std::string session) {
  const auto fields = co_await records_.get_fields(session_key(session));
  const auto record = fields ? session_from(*fields) : std::nullopt;
  if (record && (!record->expires || *record->expires > std::chrono::system_clock::now())) co_return false;
  for (const FileRecord& file : co_await files_.list(session)) co_await files_.remove(session, file.id);
  std::vector<store::Write> writes;
  writes.push_back(store::Write::remove(session_files_key(session)));
  writes.push_back(store::Write::remove(session_key(session)));
  writes.push_back(store::Write::remove_member(session_index_key, session));
  if (record && !record->entity.empty()) {
    writes.push_back(store::Write::remove_member(entity_key(record->entity), session));
  }
  co_await records_.write(std::move(writes));
  co_return true;
}

awaitable<void> Cleanup::remove_orphans() {
  const auto newest = std::chrono::system_clock::now() - youngest_orphan;
  std::string cursor;
  do {
    const auto page = co_await bodies_.list("sessions/", cursor, page_size);
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
