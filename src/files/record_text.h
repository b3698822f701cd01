#pragma once
// The key-value layout of sessions and files, which is KubeCodeRun's (its fields, ours beside them).

#include <optional>
#include <string>
#include <string_view>

#include "files/session_files.h"
#include "files/sessions.h"
#include "store/key_value_store.h"

namespace ci::files {

inline const std::string session_index_key = "sessions:index";
std::string session_key(std::string_view session);
// Sessions of an entity, of one credential and user: nobody's search passes over the sessions of others.
std::string entity_key(std::string_view entity, std::string_view credential, std::string_view user);
// KubeCodeRun's, of all. Read where it is there, written no more.
std::string entity_of_all_key(std::string_view entity);
std::string file_key(std::string_view session, std::string_view file);
// By a name that a credential gave a session.
std::string name_key(std::string_view digest);
std::string session_files_key(std::string_view session);
// Who uses an object: members "<session>:<file>". Ours; an object without the set has one user.
std::string object_users_key(std::string_view object);

// The year 9999 for a session that never expires.
std::string expiry_text(const Session& session);
store::Fields fields_of(const Session& session);
// Also of a record that KubeCodeRun wrote, which keeps entity and user in a JSON text.
std::optional<Session> session_from(const store::Fields& fields);
store::Fields fields_of(const FileRecord& record);
store::Fields removed_fields(bool removed);  // those that change when a file is marked as removed, or no longer
// Nothing when a needed field is missing, the name is no path or the object key not one that a store takes.
std::optional<FileRecord> record_from(const store::Fields& fields);

}  // namespace ci::files
