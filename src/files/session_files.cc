#include "files/session_files.h"

#include <algorithm>

#include "base/ids.h"
#include "base/sha256.h"
#include "files/record_text.h"

namespace ci::files {

namespace {

store::Metadata described(const FileRecord& record) {
  store::Metadata metadata;
  std::string type = record.content_type;
  std::erase(type, ' ');  // "text/plain; charset=utf-8"
  if (!type.empty()) metadata[store::content_type_name] = std::move(type);
  if (!store::is_metadata(metadata)) metadata.clear();
  return metadata;
}

}  // namespace

awaitable<FileRecord> SessionFiles::store_body(FileRecord record, ByteSource& body, std::uint64_t limit) {
  record.id = new_id();
  record.object_key = "sessions/" + record.session + (record.output ? "/outputs/" : "/uploads/") + record.id;
  record.created = std::chrono::system_clock::now();
  store::Metadata metadata = described(record);
  const store::StoredObject stored = co_await bodies_.put(record.object_key, body, limit, std::move(metadata));
  record.size = stored.size;
  record.sha256 = stored.sha256;
  co_return record;
}

FileRecord SessionFiles::link(const FileRecord& source, const std::string& into_session) const {
  FileRecord record = source;
  record.id = derived_id(into_session + '/' + source.session + '/' + source.id);
  record.removed = false;
  record.session = into_session;
  record.source_session = source.session;
  record.source_id = source.id;
  record.created = std::chrono::system_clock::now();
  return record;
}

std::vector<store::Write> SessionFiles::writes_for(const FileRecord& record) const {
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set_fields(file_key(record.session, record.id), fields_of(record)));
  writes.push_back(store::Write::add_member(session_files_key(record.session), record.id));
  const std::string users = object_users_key(record.object_key);
  const bool is_link = !record.source_session.empty();
  // The first link also enters the record that the object was stored for.
  if (is_link) writes.push_back(store::Write::add_member(users, record.source_session + ":" + record.source_id));
  // A body is looked for under the session of its key: a record elsewhere has to be known as its user. That is a link,
  // and an upload whose session was decided by fields that came after the file.
  if (is_link || !record.object_key.starts_with("sessions/" + record.session + "/")) {
    writes.push_back(store::Write::add_member(users, record.session + ":" + record.id));
  }
  return writes;
}

std::vector<store::Write> SessionFiles::writes_to_keep(const FileRecord& record) const {
  std::vector<store::Write> writes;
  if (!record.sha256.empty()) return writes;
  writes.push_back(store::Write::expire(file_key(record.session, record.id), {}));
  writes.push_back(store::Write::expire(session_files_key(record.session), {}));
  return writes;
}

awaitable<void> SessionFiles::commit(std::vector<store::Write> writes) { co_await records_.write(std::move(writes)); }

awaitable<void> SessionFiles::discard(const FileRecord& record) {
  // The body of a link is another record's.
  if (record.source_session.empty()) co_await bodies_.remove(record.object_key);
}

awaitable<std::optional<FileRecord>> SessionFiles::find(std::string session, std::string id) {
  if (!is_plausible_id(session) || !is_plausible_id(id)) co_return std::nullopt;
  const auto fields = co_await records_.get_fields(file_key(session, id));
  if (!fields) co_return std::nullopt;
  co_return record_from(*fields);
}

awaitable<std::vector<FileRecord>> SessionFiles::list(std::string session) {
  std::vector<std::string> keys;
  for (const std::string& id : co_await records_.members(session_files_key(session))) {
    keys.push_back(file_key(session, id));
  }
  std::vector<FileRecord> found;
  if (keys.empty()) co_return found;
  for (const auto& fields : co_await records_.get_fields_of_all(std::move(keys))) {
    if (!fields) continue;
    if (auto record = record_from(*fields)) found.push_back(std::move(*record));
  }
  // Files of one moment keep an order, too.
  std::ranges::sort(found, [](const FileRecord& a, const FileRecord& b) {
    return a.created != b.created ? a.created < b.created : a.id < b.id;
  });
  co_return found;
}

awaitable<FileRecord> SessionFiles::complete(FileRecord record) {
  if (!record.sha256.empty()) co_return record;
  auto content = co_await open(record);
  if (!content) co_return record;
  Sha256 hash;
  std::vector<std::byte> piece(64 << 10);
  while (const std::size_t count = co_await content->body->read_some(piece)) hash.update(std::span(piece).first(count));
  record.sha256 = hash.hex();
  // One that was deleted meanwhile must not come back as a few fields.
  if (!co_await find(record.session, record.id)) co_return record;
  std::vector<store::Write> writes = writes_for(record);
  co_await commit(std::move(writes));
  co_return record;
}

awaitable<void> SessionFiles::mark_removed(std::vector<FileRecord> records, bool removed) {
  std::vector<std::string> keys;
  for (const FileRecord& record : records) keys.push_back(file_key(record.session, record.id));
  if (keys.empty()) co_return;
  const auto found = co_await records_.get_fields_of_all(std::move(keys));
  std::vector<store::Write> writes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (!found[i]) continue;
    writes.push_back(store::Write::set_fields(file_key(records[i].session, records[i].id), removed_fields(removed)));
  }
  if (!writes.empty()) co_await commit(std::move(writes));
}

awaitable<std::optional<store::OpenObject>> SessionFiles::open(const FileRecord& record, store::Range range) {
  co_return co_await bodies_.open(record.object_key, range);
}

awaitable<bool> SessionFiles::remove(std::string session, std::string id) {
  const auto record = co_await find(session, id);
  if (!record) co_return false;
  const std::string users = object_users_key(record->object_key);
  const std::string self = session + ":" + id;
  std::vector<store::Write> writes;
  writes.push_back(store::Write::remove(file_key(session, id)));
  writes.push_back(store::Write::remove_member(session_files_key(session), id));
  writes.push_back(store::Write::remove_member(users, self));
  // The record first: a crash in between leaves a body without a record, which costs room, and not the reverse.
  co_await records_.write(std::move(writes));
  // Asked only now, so that of two who remove the last two records at once at least one finds nobody left.
  const auto others = co_await records_.members(users);
  if (others.empty()) co_await bodies_.remove(record->object_key);
  co_return true;
}

}  // namespace ci::files
