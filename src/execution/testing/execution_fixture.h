#pragma once
// An engine over stores on disk and a pool that does what each test says.

#include "execution/runs.h"

#include <gmock/gmock.h>

#include <set>

#include "execution/testing/fake_pool.h"
#include "execution/testing/kept_records.h"
#include "store/open.h"
#include "store/testing/hooked_stores.h"
#include "store/testing/loop.h"

namespace ci::execution {

using pool::Stream;
using testing::Act;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class ExecutionTest : public ::testing::Test {
 protected:
  ExecutionTest() { rebuild(); }

  ~ExecutionTest() override { loop_.run(runs_->stop()); }

  void rebuild() {
    if (runs_) loop_.run(runs_->stop());
    executions_.emplace(pool_, sessions_, files_, loop_.pool(), settings_);
    runs_.emplace(loop_.executor(), *executions_, records_of_runs_);
  }

  ExecutionRequest request(std::vector<FileReference> references = {}) {
    ExecutionRequest made;
    made.language = "py";
    made.code = "code";
    made.caller = files::Caller("env", "");
    made.files = std::move(references);
    return made;
  }

  // Of a run that is watched to its end, what came of it; or its failure.
  static awaitable<ExecutionResult> watch(Runs& runs, ExecutionRequest wanted, std::vector<Happening>* seen = nullptr) {
    RunOptions options;
    options.owner = wanted.caller.credential;
    options.live = true;
    Run::Reader reader(runs.start(std::move(wanted), std::move(options)), Lag::wait);
    while (std::optional<RunEvent> event = co_await reader.next()) {
      if (seen != nullptr) seen->push_back(std::move(event->what));
    }
    co_return reader.run().result();
  }

  static awaitable<void> run_into(Runs& runs, ExecutionRequest wanted, std::vector<std::string>& sessions) {
    const ExecutionResult result = co_await watch(runs, std::move(wanted));
    sessions.push_back(result.session);
  }

  ExecutionResult run(ExecutionRequest wanted) {
    std::vector<Happening> seen;
    const ExecutionResult result = loop_.run(watch(*runs_, std::move(wanted), &seen));
    for (const Happening& happening : seen) {
      const auto* phase = std::get_if<Phase>(&happening);
      if (phase != nullptr && *phase == Phase::running) ++started_;
    }
    return result;
  }

  files::Session make_session(const files::Caller& caller, bool shared = false) {
    files::Session session = sessions_.draft(caller, "", shared);
    loop_.run(files_.commit(sessions_.writes_for(session)));
    return session;
  }

  FileReference upload(
      const files::Session& session, const std::string& name, const std::string& contents,
      const std::string& original = {}) {
    FileReference made;
    made.id = loop_.run(store_upload(session.id, name, contents, original.empty() ? name : original));
    made.name = name;
    made.session = session.id;
    made.by_storage_session = true;
    return made;
  }

  awaitable<std::string> store_upload(
      std::string session, std::string name, std::string contents, std::string original) {
    files::FileRecord record(*RelativePath::parse(name));
    record.original_name = std::move(original);
    record.session = session;
    StringSource body(contents);
    const files::FileRecord stored = co_await files_.store_body(std::move(record), body, 1 << 20);
    co_await files_.commit(files_.writes_for(stored));
    co_return stored.id;
  }

  std::string contents(const ResultFile& file) {
    const auto record = loop_.run(files_.find(file.session, file.id));
    auto open = loop_.run(files_.open(*record));
    return loop_.run(store::testing::read_all(*open->body));
  }

  store::testing::TemporaryDirectory directory_;
  store::testing::Loop loop_;
  std::unique_ptr<store::KeyValueStore> records_ = store::open_sqlite(directory_.path() / "records", loop_.pool());
  std::unique_ptr<store::ObjectStore> bodies_ = store::open_filesystem(directory_.path() / "files", loop_.pool());
  files::Sessions sessions_{*records_, files::SessionSettings()};
  files::SessionFiles files_{*records_, *bodies_};
  testing::FakePool pool_;
  ExecutionSettings settings_;
  testing::KeptRecords records_of_runs_;
  std::optional<Executions> executions_;
  std::optional<Runs> runs_;
  int started_ = 0;
};

}  // namespace ci::execution
