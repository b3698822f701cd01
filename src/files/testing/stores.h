#pragma once
// Sessions and files on real stores in a temporary directory.

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "files/session_files.h"
#include "files/sessions.h"
#include "store/open.h"
#include "store/testing/loop.h"

namespace ci::files::testing {

using std::chrono::system_clock;

class Stores {
 public:
  store::testing::TemporaryDirectory directory;
  store::testing::Loop loop;
  std::unique_ptr<store::KeyValueStore> records = store::open_sqlite(directory.path(), loop.pool());
  std::unique_ptr<store::ObjectStore> bodies = store::open_filesystem(directory.path(), loop.pool());
  SessionFiles files{*records, *bodies};

  void write(std::vector<store::Write> writes) { loop.run(records->write(std::move(writes))); }
  void write(store::Write one) {
    std::vector<store::Write> writes;
    writes.push_back(std::move(one));
    write(std::move(writes));
  }

  // A committed session of `age`, which ended `ended` ago (or has no end).
  Session add_session(
      const Sessions& sessions, const Caller& caller, std::string entity, std::chrono::seconds age,
      std::optional<std::chrono::seconds> ended = {}, bool shared = false) {
    Session session = sessions.draft(caller, std::move(entity), shared);
    session.created = session.last_activity = system_clock::now() - age;
    if (ended) session.expires = system_clock::now() - *ended;
    write(sessions.writes_for(session));
    return session;
  }

  FileRecord add_file(const std::string& session, const char* name, std::string text, bool output = false) {
    FileRecord record(*RelativePath::parse(name));
    record.session = session;
    record.original_name = name;
    record.content_type = "text/plain";
    record.output = output;
    StringSource body(std::move(text));
    record = loop.run(files.store_body(std::move(record), body, 1 << 20));
    write(files.writes_for(record));
    return record;
  }

  std::optional<std::string> text_of(const FileRecord& record) {
    auto body = loop.run(files.open(record));
    if (!body) return std::nullopt;
    return loop.run(store::testing::read_all(*body->body));
  }
};

}  // namespace ci::files::testing
