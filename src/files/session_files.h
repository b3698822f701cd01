#pragma once
// The files of sessions: a record each in the key-value store, the bodies in the object store. An upload or an
// output that was answered is durable: the body first, then the record and the session in one write.
// Called on the I/O thread.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/relative_path.h"
#include "files/sessions.h"
#include "store/object_store.h"

namespace ci::files {

struct FileRecord {
  std::string id;
  std::string session;
  RelativePath name;          // stored name, below /mnt/data
  std::string original_name;  // as the client sent it; equals name for outputs
  std::string content_type;
  std::uint64_t size = 0;
  std::string sha256;  // empty on a record of KubeCodeRun until complete()
  std::string object_key;
  bool output = false;  // made by a run
  bool read_only = false;
  bool removed = false;  // by a program of its session: runs do not find it any more, downloads do
  std::string entity;    // echoed on inherited files
  // Set on a record that links a file of another session into this one: where it came from.
  std::string source_session, source_id;
  std::chrono::system_clock::time_point created;

  explicit FileRecord(RelativePath path) : name(std::move(path)) {}
};

struct FileLimits {
  std::uint64_t file_bytes = 10 << 20;
  std::uint64_t request_bytes = 50 << 20;
  int files_per_request = 50;
  int name_characters = 255;                    // of one segment
  std::vector<std::string> blocked_patterns;    // "*.exe": refused with 415
  std::vector<std::string> allowed_extensions;  // empty: all
};

class SessionFiles {
 public:
  SessionFiles(store::KeyValueStore& records, store::ObjectStore& bodies) : records_(records), bodies_(bodies) {}

  // Stores the body of a file that is not yet on record. The caller sets what it knows of `record`; id, size,
  // sha256, object_key and created are filled in. Commit with writes_for(). More than `limit` bytes: `exhausted`.
  awaitable<FileRecord> store_body(FileRecord record, ByteSource& body, std::uint64_t limit);
  // The same bytes under a record of `into_session`: nothing is copied. Its id follows from the session and the source, so
  // that two who link at once make one record.
  FileRecord link(const FileRecord& source, const std::string& into_session) const;

  std::vector<store::Write> writes_for(const FileRecord& record) const;
  // Records that KubeCodeRun wrote end by themselves, in the middle of a session that is used. Ours, and those that this
  // was written for, stay as long as their session.
  std::vector<store::Write> writes_to_keep(const FileRecord& record) const;
  awaitable<void> commit(std::vector<store::Write> writes);
  // Bodies whose record never came (the request failed half way).
  awaitable<void> discard(const FileRecord& record);

  awaitable<std::optional<FileRecord>> find(std::string session, std::string id);
  // Oldest first.
  awaitable<std::vector<FileRecord>> list(std::string session);
  // With the sha256 of the body, which is read for it and remembered when the record has none; still without one when
  // the body is gone.
  awaitable<FileRecord> complete(FileRecord record);
  // Marks those of them that are still on record: for runs they are gone, or there again.
  awaitable<void> mark_removed(std::vector<FileRecord> records, bool removed = true);
  // Nothing when the body is gone.
  awaitable<std::optional<store::OpenObject>> open(const FileRecord& record, store::Range range = {});
  // Removes the record, and the body unless another record links to it. False when there was no record.
  awaitable<bool> remove(std::string session, std::string id);

 private:
  store::KeyValueStore& records_;
  store::ObjectStore& bodies_;
};

}  // namespace ci::files
