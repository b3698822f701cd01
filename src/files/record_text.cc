#include "files/record_text.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "base/sha256.h"
#include "base/time_text.h"
#include "files/names.h"

namespace ci::files {

namespace {

using std::chrono::system_clock;

constexpr std::string_view never = "9999-12-31T23:59:59+00:00";

std::string_view value_of(const store::Fields& fields, std::string_view name) {
  const auto field = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  return field == fields.end() ? std::string_view() : std::string_view(field->second);
}

system_clock::time_point time_of(const store::Fields& fields, std::string_view name) {
  return parse_iso_time(value_of(fields, name)).value_or(system_clock::time_point());
}

// Of the JSON object that KubeCodeRun keeps as text; empty when it has no such text.
std::string metadata_of(const boost::json::value& metadata, const char* name) {
  const auto* object = metadata.if_object();
  const auto* value = object != nullptr ? object->if_contains(name) : nullptr;
  const auto* text = value != nullptr ? value->if_string() : nullptr;
  return text != nullptr ? std::string(*text) : std::string();
}

}  // namespace

std::string session_key(std::string_view session) { return "sessions:" + std::string(session); }
std::string entity_key(std::string_view entity, std::string_view credential, std::string_view user) {
  std::string whole(credential);
  for (const std::string_view part : {user, entity}) whole.append(1, '\0').append(part);
  return "entity_sessions_of:" + sha256_hex(whole).substr(0, 40);
}
std::string entity_of_all_key(std::string_view entity) { return "entity_sessions:" + std::string(entity); }
std::string file_key(std::string_view session, std::string_view file) {
  return "files:" + std::string(session) + ":" + std::string(file);
}
std::string name_key(std::string_view digest) { return "session_names:" + std::string(digest); }
std::string session_files_key(std::string_view session) { return "session_files:" + std::string(session); }
std::string object_users_key(std::string_view object) { return "object_users:" + std::string(object); }

std::string expiry_text(const Session& session) {
  return session.expires ? iso_time(*session.expires) : std::string(never);
}

store::Fields fields_of(const Session& session) {
  return {
      {"session_id", session.id},
      {"status", session.active ? "active" : "terminated"},
      {"created_at", iso_time(session.created)},
      {"last_activity", iso_time(session.last_activity)},
      {"expires_at", expiry_text(session)},
      {"working_directory", "/mnt/data"},
      {"credential", session.credential},
      {"user", session.user},
      {"entity", session.entity},
      {"shared", session.shared ? "1" : ""},
      {"name", session.name},
  };
}

std::optional<Session> session_from(const store::Fields& fields) {
  Session session;
  session.id = value_of(fields, "session_id");
  if (session.id.empty()) return std::nullopt;
  session.active = value_of(fields, "status") == "active";
  session.created = time_of(fields, "created_at");
  session.last_activity = time_of(fields, "last_activity");
  session.expires = parse_iso_time(value_of(fields, "expires_at"));
  session.credential = value_of(fields, "credential");
  // A record without one was not made by us: there, keys were not told apart.
  if (session.credential.empty()) session.credential = "env";
  session.user = value_of(fields, "user");
  session.entity = value_of(fields, "entity");
  if (const std::string_view text = value_of(fields, "metadata"); !text.empty()) {
    boost::json::error_code error;
    const boost::json::value metadata = boost::json::parse(text, error);
    if (!error) {
      session.user = metadata_of(metadata, "user_id");
      session.entity = metadata_of(metadata, "entity_id");
    }
  }
  session.shared = !value_of(fields, "shared").empty();
  session.name = value_of(fields, "name");
  return session;
}

store::Fields fields_of(const FileRecord& record) {
  return {
      {"file_id", record.id},
      {"filename", record.name.text()},
      {"content_type", record.content_type},
      {"object_key", record.object_key},
      {"session_id", record.session},
      {"created_at", iso_time(record.created)},
      {"size", std::to_string(record.size)},
      {"path", "/" + record.name.text()},
      {"type", record.output ? "output" : "upload"},
      {"original_filename", record.original_name},
      {"sha256", record.sha256},
      {"read_only", record.read_only ? "1" : ""},
      {"removed", record.removed ? "1" : ""},
      {"entity", record.entity},
      {"source_session", record.source_session},
      {"source_id", record.source_id},
  };
}

store::Fields removed_fields(bool removed) { return {{"removed", removed ? "1" : ""}}; }

std::optional<FileRecord> record_from(const store::Fields& fields) {
  auto name = RelativePath::parse(value_of(fields, "filename"));
  if (!name) return std::nullopt;
  FileRecord record(std::move(*name));
  record.id = value_of(fields, "file_id");
  record.session = value_of(fields, "session_id");
  record.object_key = value_of(fields, "object_key");
  if (record.id.empty() || record.session.empty() || !store::is_object_key(record.object_key)) return std::nullopt;
  record.original_name = value_of(fields, "original_filename");
  if (record.original_name.empty()) record.original_name = record.name.text();
  record.content_type = value_of(fields, "content_type");
  if (record.content_type.empty()) record.content_type = content_type_for(record.name.text());
  const std::string_view size = value_of(fields, "size");
  std::from_chars(size.data(), size.data() + size.size(), record.size);
  record.sha256 = value_of(fields, "sha256");
  record.output = value_of(fields, "type") == "output";
  record.read_only = !value_of(fields, "read_only").empty();
  record.removed = !value_of(fields, "removed").empty();
  record.entity = value_of(fields, "entity");
  record.source_session = value_of(fields, "source_session");
  record.source_id = value_of(fields, "source_id");
  record.created = time_of(fields, "created_at");
  return record;
}

}  // namespace ci::files
