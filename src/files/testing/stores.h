#pragma once
// Sessions and files on real stores, with each backend.

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "files/session_files.h"
#include "files/sessions.h"
#include "store/testing/loop.h"
#include "store/testing/stores.h"

namespace ci::files::testing {

using std::chrono::system_clock;

using store::testing::Backend;

class Stores {
 public:
  explicit Stores(Backend backend) : backends(backend) {}

  store::testing::Backends backends;
  store::testing::Loop loop;
  std::unique_ptr<store::KeyValueStore> records = backends.open_records(loop);
  std::unique_ptr<store::ObjectStore> bodies = backends.open_bodies(loop);
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

// A test that runs once with each backend, or says what it would need.
class StoresTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (const std::string missing = store::testing::lacks(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
  }
  std::vector<std::string> members(std::string key) {
    return stores_.loop.run(stores_.records->members(std::move(key)));
  }

  Stores stores_{store::testing::lacks(GetParam()).empty() ? GetParam() : Backend::embedded};
};

inline std::string name_of_backend(const ::testing::TestParamInfo<Backend>& info) { return name_of(info.param); }

}  // namespace ci::files::testing
