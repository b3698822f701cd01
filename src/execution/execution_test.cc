#include "execution/runs.h"

#include <gmock/gmock.h>

#include <set>

#include "execution/testing/fake_pool.h"
#include "execution/testing/kept_records.h"
#include "store/open.h"
#include "store/testing/hooked_stores.h"
#include "store/testing/loop.h"

namespace ci::execution {
namespace {

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

TEST_F(ExecutionTest, ReturnsWhatTheProgramPrinted) {
  pool_.script = [](Act& act) {
    act.print(Stream::out, "hel");
    act.print(Stream::err, "warning");
    act.print(Stream::out, "lo");
    act.exit(0);
  };
  const ExecutionResult result = run(request());
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_EQ(result.err, "warning");
  EXPECT_EQ(started_, 1);
  EXPECT_EQ(pool_.leases, 0);
  EXPECT_EQ(executions_->running(), 0u);
  EXPECT_TRUE(loop_.run(sessions_.find(result.session)));
  EXPECT_THAT(result.steps, SizeIs(8));
}

TEST_F(ExecutionTest, AsksForASandboxThatSuitsTheProgram) {
  ExecutionRequest wanted = request();
  wanted.code = "import numpy as np\nfrom pandas.io import json";
  wanted.queue = "who";
  run(std::move(wanted));
  ASSERT_THAT(pool_.demands, SizeIs(1));
  EXPECT_EQ(pool_.demands[0].language, "py");
  EXPECT_EQ(pool_.demands[0].owner, "who");
  EXPECT_THAT(pool_.demands[0].imports, UnorderedElementsAre("numpy", "pandas"));
}

TEST_F(ExecutionTest, KeepsTheBeginningOfALongStream) {
  settings_.output.bytes = 4;
  rebuild();
  pool_.script = [](Act& act) {
    act.print(Stream::out, "123");
    act.print(Stream::out, "456");
    act.print(Stream::out, "789");
    act.exit(0);
  };
  EXPECT_EQ(run(request()).out, "1234\n[Output truncated - size limit exceeded]\n");
}

TEST_F(ExecutionTest, LiveOutputIsWholeCharacters) {
  pool_.script = [](Act& act) {
    act.print(Stream::out, "a\xc3");
    act.print(Stream::out, "\xbc\xff");
    act.print(Stream::out, "\xe6\x97");
    act.exit(0);
  };
  std::vector<Happening> seen;
  loop_.run(watch(*runs_, request(), &seen));
  std::vector<std::string> pieces;
  for (const Happening& happening : seen) {
    if (const auto* printed = std::get_if<Printed>(&happening)) pieces.push_back(printed->text);
  }
  EXPECT_THAT(pieces, ElementsAre("a", "\xc3\xbc\xef\xbf\xbd", "\xef\xbf\xbd"));
}

TEST_F(ExecutionTest, OutputsAreStoredSortedAndLimited) {
  settings_.output_files = 2;
  settings_.file_bytes = 10;
  rebuild();
  pool_.script = [](Act& act) {
    act.exit(1);
    act.leave("z.txt", "z");
    act.leave("big", "more than ten bytes");
    act.leave("b/c.txt", "c");
    act.leave("tool.EXE", "x");
    act.leave("a.txt", "");
  };
  const ExecutionResult result = run(request());
  ASSERT_THAT(result.files, SizeIs(2));
  EXPECT_EQ(result.files[0].name, "a.txt");
  EXPECT_EQ(result.files[1].name, "b/c.txt");
  EXPECT_EQ(contents(result.files[1]), "c");
  EXPECT_EQ(result.files[1].session, result.session);
  EXPECT_EQ(
      result.err,
      "Code execution failed with exit code 1\nfiles not returned: z.txt (no more than 2 files are returned); big "
      "(larger "
      "than 0 MB); tool.EXE (files of this type are not returned)");
  EXPECT_THAT(result.truncation.reasons, UnorderedElementsAre(Pair("max_files", 1u), Pair("size", 1u)));
  EXPECT_THAT(result.truncation.skipped, ElementsAre("z.txt", "big"));
  EXPECT_EQ(result.truncation.count, 2u);
  EXPECT_EQ(result.delivery.attempted, 2u);
  EXPECT_EQ(result.delivery.failed(), 0u);
}

TEST_F(ExecutionTest, NamesThatAreNoPathsAreCleanedAndStayApart) {
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("a_b.txt", "1");
    act.leave("a\\b.txt", "2");
    act.leave(
        "a\xff"
        "b.txt",
        "3");
    act.leave("tab\tand\nline", "4");
    act.leave(std::string(200, 'd') + "/" + std::string(100, 'f') + ".csv", "5");
  };
  const ExecutionResult result = run(request());
  std::map<std::string, std::string> found;
  for (const ResultFile& file : result.files) found[file.name] = contents(file);
  ASSERT_THAT(found, SizeIs(5));
  EXPECT_EQ(found.at("a_b.txt"), "1");
  EXPECT_EQ(found.at("a_b-2.txt"), "2");
  EXPECT_EQ(found.at("a_b-3.txt"), "3");
  EXPECT_EQ(found.at("tab\tand\nline"), "4");
  EXPECT_EQ(result.err, "");
}

TEST_F(ExecutionTest, WhatTheSandboxKeptBackIsTold) {
  pool_.script = [](Act& act) {
    act.exit(0);
    act.skipped.emplace_back("build/", LeftOut::folder, 3);
    act.skipped.emplace_back("new\nline", LeftOut::link, 1);
    for (int i = 0; i < 7; ++i) act.skipped.emplace_back("fifo" + std::to_string(i), LeftOut::special, 1);
  };
  const ExecutionResult result = run(request());
  EXPECT_EQ(
      result.err,
      "files not returned: build/ (folder of dependencies or build results); new?line (symbolic link); "
      "fifo0, fifo1, fifo2, fifo3, fifo4 and 2 more (not a regular file)");
  EXPECT_EQ(result.truncation.count, 0u);
}

TEST_F(ExecutionTest, OutputsThatCannotBeStoredAreCounted) {
  store::testing::HookedRecords broken(*records_);
  int writes = 0;
  broken.before = [&](std::string operation, std::string) -> awaitable<void> {
    if (operation == "write" && ++writes > 1) throw Failure(FailureKind::internal, "no");
    co_return;
  };
  files::SessionFiles through(broken, *bodies_);
  executions_.emplace(pool_, sessions_, through, loop_.pool(), settings_);
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("a", "1");
    act.leave("b", "2");
  };
  const ExecutionResult result = run(request());
  EXPECT_THAT(result.files, IsEmpty());
  EXPECT_EQ(result.delivery.attempted, 2u);
  EXPECT_EQ(result.delivery.delivered, 0u);
  EXPECT_EQ(result.err, "files not returned: a, b (could not be stored)");
}

TEST_F(ExecutionTest, AllOfALongOutputIsAFile) {
  settings_.output.characters = 10;
  settings_.spool_directory = directory_.path();
  rebuild();
  const std::string large(3 << 20, 'x');
  pool_.script = [&](Act& act) {
    act.print(Stream::out, "0123456789\x1b[31mabcdef\n");
    act.print(Stream::err, large);
    act.exit(0);
    act.leave("stdout.txt", "the program's own");
  };
  const ExecutionResult result = run(request());
  EXPECT_TRUE(result.out_cut);
  EXPECT_EQ(result.out, "0123456789\n[Output truncated - size limit exceeded]\n");
  EXPECT_THAT(result.err, HasSubstr("stdout was cut; all of it is in the file stdout-2.txt"));
  ASSERT_THAT(result.files, SizeIs(3));
  EXPECT_EQ(contents(result.files[1]), "0123456789\x1b[31mabcdef\n");  // "stdout-2.txt" comes before "stdout.txt"
  EXPECT_EQ(contents(result.files[0]), large);
}

TEST_F(ExecutionTest, ALongOutputGivesWayToFilesAndLimits) {
  settings_.output.characters = 10;
  settings_.output_files = 1;
  settings_.file_bytes = 1000;
  rebuild();
  pool_.script = [&](Act& act) {
    act.print(Stream::out, std::string(2000, 'x'));
    act.print(Stream::err, std::string(900, 'x'));
    act.exit(0);
    act.leave("a", "1");
  };
  const ExecutionResult result = run(request());
  ASSERT_THAT(result.files, SizeIs(1));
  EXPECT_EQ(result.files[0].name, "a");
  EXPECT_THAT(result.err, ::testing::Not(HasSubstr("all of it")));
}

TEST_F(ExecutionTest, WhatIsWrittenAgainIsAnOutputUnlessTheRequestNamesIt) {
  const files::Session session = make_session(files::Caller("env", ""));
  const FileReference plot = upload(session, "plot.png", "picture");
  upload(session, "seen.png", "picture");
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("plot.png", "picture");
    act.keep("seen.png");
  };
  ExecutionRequest continued = request();
  continued.session_id = session.id;
  const ExecutionResult again = run(std::move(continued));
  ASSERT_THAT(again.files, SizeIs(1));
  EXPECT_EQ(again.files[0].name, "plot.png");
  EXPECT_FALSE(again.files[0].inherited);
  EXPECT_EQ(again.files[0].modified_from_id, "");
  EXPECT_NE(again.files[0].id, plot.id);

  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("plot.png", "picture");
  };
  const ExecutionResult named = run(request({plot}));
  ASSERT_THAT(named.files, SizeIs(1));
  EXPECT_TRUE(named.files[0].inherited);
}

TEST_F(ExecutionTest, ARemovedReferenceIsToldAndStaysAway) {
  const files::Session session = make_session(files::Caller("env", "")),
                       foreign = make_session(files::Caller("env", ""), true);
  const FileReference own = upload(session, "own.txt", "1"), other = upload(foreign, "other.txt", "2");
  FileReference renamed = own, skill = upload(foreign, "skill.txt", "3");
  renamed.name = "told.txt";
  skill.kind = "skill";
  const std::vector<std::string> removed = {"told.txt", "other.txt", "skill.txt"};
  pool_.script = [&](Act& act) {
    act.exit(0);
    act.gone = removed;
    act.searched = false;
  };
  // A search that did not see everything proves nothing.
  const ExecutionResult unsure = run(request({renamed, other, skill}));
  EXPECT_THAT(unsure.deleted, IsEmpty());
  pool_.script = [&](Act& act) {
    act.exit(0);
    act.gone = removed;
  };
  EXPECT_THAT(run(request({renamed, other, skill})).deleted, UnorderedElementsAre("told.txt", "other.txt"));

  const auto continued = [&] {
    ExecutionRequest made = request();
    made.session_id = session.id;
    return made;
  };
  pool_.script = [](Act& act) { act.exit(0); };
  run(continued());
  EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("skill.txt", "3")));
  // Whoever names it again has it again, and from then on the session.
  run(request({own, other}));
  EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("other.txt", "2"), Pair("own.txt", "1")));
  run(continued());
  EXPECT_THAT(
      pool_.acts.back().inputs, ElementsAre(Pair("other.txt", "2"), Pair("own.txt", "1"), Pair("skill.txt", "3")));
}

TEST_F(ExecutionTest, InputsComeBackMarkedOrChanged) {
  const files::Session session = make_session(files::Caller("env", ""));
  const FileReference same = upload(session, "same.txt", "same"), edit = upload(session, "edit.txt", "old!"),
                      gone = upload(session, "gone.txt", "gone");
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("same.txt", act.inputs.at("same.txt"));
    act.leave("edit.txt", "new!");
    act.leave("a.txt", "a");
  };
  const ExecutionResult result = run(request({same, edit, gone}));
  EXPECT_EQ(result.session, session.id);
  ASSERT_THAT(result.files, SizeIs(3));
  EXPECT_EQ(result.files[0].name, "a.txt");
  EXPECT_EQ(result.files[1].name, "edit.txt");
  EXPECT_EQ(result.files[1].modified_from_id, edit.id);
  EXPECT_NE(result.files[1].id, edit.id);
  EXPECT_EQ(contents(result.files[1]), "new!");
  EXPECT_TRUE(result.files[2].inherited);
  EXPECT_EQ(result.files[2].id, same.id);
  // A body that turned out to be the old one is not kept.
  const auto objects = loop_.run(bodies_->list("sessions/" + session.id + "/outputs/", "", 100));
  EXPECT_THAT(objects.objects, SizeIs(2));
}

TEST_F(ExecutionTest, UnchangedInputsAreNotShownToOlderClients) {
  FileReference file = upload(make_session(files::Caller("env", "")), "in.txt", "x");
  file.by_storage_session = false;
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("in.txt", "x");
  };
  EXPECT_THAT(run(request({file})).files, IsEmpty());
}

TEST_F(ExecutionTest, ReadOnlyInputsNeverComeBackChanged) {
  FileReference file = upload(make_session(files::Caller("env", "")), "in.txt", "x");
  file.kind = "skill";
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("in.txt", "changed");
  };
  const ExecutionResult result = run(request({file}));
  ASSERT_THAT(result.files, SizeIs(1));
  EXPECT_TRUE(result.files[0].inherited);
  EXPECT_EQ(result.files[0].id, file.id);
  EXPECT_THAT(pool_.acts.back().read_only, ElementsAre("in.txt"));
}

TEST_F(ExecutionTest, MissingReferencesDoNotFail) {
  FileReference gone;
  gone.id = "../x";
  gone.name = "gone.txt";
  gone.session = "nowhere";
  const FileReference here = upload(make_session(files::Caller("env", "")), "here.txt", "here");
  FileReference by_name = here;
  by_name.id = "unknown";
  run(request({gone, by_name}));
  EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("here.txt", "here")));
}

TEST_F(ExecutionTest, ForeignFilesAreLinkedOnce) {
  const FileReference file = upload(make_session(files::Caller("env", ""), true), "in.txt", "x");
  ExecutionRequest first = request({file});
  const std::string session = run(std::move(first)).session;
  EXPECT_NE(session, file.session);
  for (int i = 0; i < 3; ++i) {
    ExecutionRequest again = request({file});
    again.session_id = session;
    EXPECT_EQ(run(std::move(again)).session, session);
  }
  EXPECT_THAT(loop_.run(files_.list(session)), SizeIs(1));
  ExecutionRequest without = request();
  without.session_id = session;
  run(std::move(without));
  EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("in.txt", "x")));
}

TEST_F(ExecutionTest, ASessionIsContinuedByWhoMay) {
  const files::Session ann = make_session(files::Caller("env", "ann"));
  const auto session_of = [&](const std::string& credential, const std::string& user, bool by_file) {
    FileReference reference;
    reference.id = "any";
    reference.session = ann.id;
    ExecutionRequest wanted = by_file ? request({reference}) : request();
    if (!by_file) wanted.session_id = ann.id;
    wanted.caller = files::Caller(credential, user);
    return run(std::move(wanted)).session;
  };
  for (const bool by_file : {false, true}) {
    EXPECT_EQ(session_of("env", "ann", by_file), ann.id);
    EXPECT_EQ(session_of("env", "", by_file), ann.id);
    EXPECT_NE(session_of("env", "bob", by_file), ann.id);
  }
  EXPECT_NE(session_of("other", "ann", true), ann.id);
}

TEST_F(ExecutionTest, WhoNamesAUserDoesNotEnterASessionWithoutOne) {
  const files::Session nobody = make_session(files::Caller("env", ""));
  const FileReference file = upload(nobody, "in.txt", "x");
  const auto session_of = [&](const std::string& user, const std::string& session_id,
                              std::vector<FileReference> references) {
    ExecutionRequest wanted = request(std::move(references));
    wanted.session_id = session_id;
    wanted.caller.user = user;
    return run(std::move(wanted)).session;
  };
  for (const std::string& named : {std::string(), nobody.id}) {
    const std::string ann = session_of("ann", named, {file});
    EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("in.txt", "x")));
    const std::string bob = session_of("bob", named, {file});
    EXPECT_THAT(std::set<std::string>({nobody.id, ann, bob}), SizeIs(3));
    // Each has one now that stays, with the file in it.
    EXPECT_EQ(session_of("ann", ann, {}), ann);
    EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("in.txt", "x")));
    EXPECT_NE(session_of("bob", ann, {}), ann);
  }
  EXPECT_NE(session_of("ann", nobody.id, {}), nobody.id);
  // Nobody has become its owner, and who names no user goes on there.
  EXPECT_EQ(loop_.run(sessions_.find(nobody.id))->user, "");
  EXPECT_EQ(session_of("", "", {file}), nobody.id);
}

TEST_F(ExecutionTest, AFileWithoutAnIdIsFoundByItsNames) {
  const files::Session session = make_session(files::Caller("env", ""));
  upload(session, "plan.csv", "old");
  upload(session, "plan.csv", "new");
  upload(session, "my_plan.csv", "spaces", "my plan.csv");
  upload(session, "other.csv", "misled", "plan.csv");
  const auto found = [&](const std::string& name) {
    FileReference reference;
    reference.name = name;
    reference.session = session.id;
    run(request({reference}));
    return pool_.acts.back().inputs[name];
  };
  EXPECT_EQ(found("plan.csv"), "new");
  EXPECT_EQ(found("my_plan.csv"), "spaces");
  EXPECT_EQ(found("my plan.csv"), "spaces");
  EXPECT_EQ(found("plan"), "");
}

TEST_F(ExecutionTest, StrictOwnershipRefusesForeignReferences) {
  settings_.strict_ownership = true;
  rebuild();
  const FileReference file = upload(make_session(files::Caller("other", "")), "in.txt", "x");
  EXPECT_THROW(run(request({file})), UnauthorizedReference);
  EXPECT_EQ(started_, 0);
  EXPECT_EQ(pool_.leases, 0);
}

TEST_F(ExecutionTest, NoSandboxIsAFailureBeforeTheStart) {
  pool_.exhausted = true;
  EXPECT_EQ(store::testing::failure_of([&] { run(request()); }), FailureKind::unavailable);
  pool_.exhausted = false;
  pool_.broken = true;
  EXPECT_EQ(store::testing::failure_of([&] { run(request()); }), FailureKind::unavailable);
  EXPECT_EQ(started_, 0);
  EXPECT_EQ(pool_.leases, 0);
}

TEST_F(ExecutionTest, ACancelledRunDropsItsSandbox) {
  pool_.script = [](Act& act) { act.forever = true; };
  const auto result = loop_.run(until(after(std::chrono::milliseconds(50)), watch(*runs_, request())));
  EXPECT_FALSE(result);
  loop_.run(runs_->stop());
  EXPECT_EQ(pool_.acquired, 1);
  EXPECT_EQ(pool_.leases, 0);
  EXPECT_EQ(executions_->running(), 0u);
}

TEST_F(ExecutionTest, ASandboxThatEndedBeforeItsProgramCameIsReplacedOnce) {
  pool_.dead_at_once = 1;
  pool_.script = [](Act& act) {
    act.print(Stream::out, "hello");
    act.exit(0);
  };
  EXPECT_EQ(run(request()).out, "hello\n");
  EXPECT_EQ(pool_.acquired, 2);
  EXPECT_EQ(pool_.leases, 0);
}

TEST_F(ExecutionTest, ASandboxThatNeverTellsTheEndIsGivenUp) {
  settings_.overtime = std::chrono::milliseconds(50);
  rebuild();
  pool_.script = [](Act& act) {
    act.print(Stream::out, "hello");
    act.forever = true;
  };
  ExecutionRequest wanted = request();
  wanted.time_limit = std::chrono::milliseconds(20);
  const ExecutionResult result = run(std::move(wanted));
  EXPECT_EQ(result.outcome.ended, pool::Ended::lost);
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_EQ(pool_.leases, 0);
}

TEST_F(ExecutionTest, FilesThatNeverComeAreGivenUp) {
  settings_.collect_timeout = std::chrono::milliseconds(50);
  rebuild();
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("a.txt", "a");
    act.forever = true;
  };
  const ExecutionResult result = run(request());
  EXPECT_EQ(result.outcome.ended, pool::Ended::exited);
  EXPECT_THAT(result.files, SizeIs(1));
}

TEST_F(ExecutionTest, AdmitsNoMoreThanItMay) {
  settings_.concurrent = 2;
  rebuild();
  int most = 0;
  pool_.script = [&](Act& act) {
    most = std::max(most, pool_.leases);
    act.exit(0);
  };
  std::vector<std::string> sessions;
  std::vector<awaitable<void>> runs;
  for (int i = 0; i < 6; ++i) runs.push_back(run_into(*runs_, request(), sessions));
  loop_.run_together(std::move(runs));
  EXPECT_THAT(sessions, SizeIs(6));
  EXPECT_LE(most, 2);
}

TEST_F(ExecutionTest, AdmissionEndsAtTheDeadlineAndNotBeforeTheRunsOwnTimeLimit) {
  settings_.concurrent = 1;
  settings_.acquire_timeout = std::chrono::seconds(0);
  rebuild();
  pool_.script = [](Act& act) { act.exit(0); };
  std::vector<std::string> sessions;
  std::vector<awaitable<void>> runs;
  ExecutionRequest impatient = request();
  impatient.time_limit = std::chrono::milliseconds(0);
  runs.push_back(run_into(*runs_, request(), sessions));
  runs.push_back(run_into(*runs_, impatient, sessions));
  runs.push_back(run_into(*runs_, request(), sessions));
  const auto failures = loop_.run_together(std::move(runs));
  EXPECT_FALSE(failures[0]);
  EXPECT_TRUE(failures[1]);
  EXPECT_FALSE(failures[2]);
}

// ---- named sessions ----

TEST_F(ExecutionTest, OnlyWhatTheProgramRemovedIsMissingFromTheNextRun) {
  const auto named = [this] {
    ExecutionRequest made = request();
    made.session_name = "trip";
    return made;
  };
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("kept", "1");
    act.leave("removed", "1");
  };
  const ExecutionResult first = run(named());
  ASSERT_THAT(first.files, SizeIs(2));
  // Neither comes back: one is gone, the other may only have grown too large.
  pool_.script = [](Act& act) {
    act.exit(0);
    act.gone = {"removed"};
  };
  run(named());
  pool_.script = [](Act& act) { act.exit(0); };
  run(named());
  EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("kept", "1")));
  // Who was told of a file still gets it.
  EXPECT_EQ(contents(first.files[1]), "1");
}

TEST_F(ExecutionTest, ARemovalDoesNotTakeWhatAnotherRunMadeMeanwhile) {
  const auto named = [this] {
    ExecutionRequest made = request();
    made.session_name = "trip";
    return made;
  };
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("a", "old");
  };
  run(named());
  // Both begin with the same file; the one that rewrites it ends first.
  bool first = true;
  pool_.script = [&](Act& act) {
    act.exit(0);
    if (std::exchange(first, false)) {
      act.gone = {"a"};
      act.pause = std::chrono::milliseconds(500);
    } else {
      act.leave("a", "new");
    }
  };
  std::vector<std::string> sessions;
  std::vector<awaitable<void>> runs;
  for (int i = 0; i < 2; ++i) runs.push_back(run_into(*runs_, named(), sessions));
  loop_.run_together(std::move(runs));
  ASSERT_THAT(sessions, SizeIs(2));
  EXPECT_EQ(pool_.acts[1].inputs.at("a"), "old");
  EXPECT_EQ(pool_.acts[2].inputs.at("a"), "old");
  pool_.script = [](Act& act) { act.exit(0); };
  run(named());
  EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("a", "new")));
}

// ---- room, lost contents, records of others ----

TEST_F(ExecutionTest, SaysWhichFilesThereWasNoRoomFor) {
  settings_.workspace_bytes = 1 << 20;
  rebuild();
  const files::Session session = make_session(files::Caller("env", ""));
  const FileReference large = upload(session, "large", std::string(800000, 'x')), small = upload(session, "small", "x");
  pool_.script = [](Act& act) {
    act.print(Stream::err, "note");
    pool::Outcome outcome;
    outcome.unplaced = {"small"};
    act.events.emplace_back(outcome);
    act.leave("small", "made here");
  };
  const ExecutionResult result = run(request({large, small}));
  EXPECT_EQ(
      result.err,
      "note\nfile \"large\" was not mounted: /mnt/data holds at most 1 MB\n"
      "file \"small\" was not mounted: /mnt/data holds at most 1 MB");
  EXPECT_THAT(pool_.acts.back().inputs, SizeIs(1));
  // What it made under that name has nothing to do with the file.
  ASSERT_THAT(result.files, SizeIs(1));
  EXPECT_EQ(result.files[0].modified_from_id, "");
}

TEST_F(ExecutionTest, AnOlderFileStandsInForOneWhoseContentIsGone) {
  const files::Session session = make_session(files::Caller("env", ""));
  upload(session, "a", "older");
  const FileReference newer = upload(session, "a", "newer"), lost = upload(session, "b", "lost");
  for (const FileReference& file : {newer, lost}) {
    loop_.run(bodies_->remove(loop_.run(files_.find(session.id, file.id))->object_key));
  }
  ExecutionRequest wanted = request();
  wanted.session_id = session.id;
  pool_.script = [](Act& act) {
    act.exit(0);
    act.keep("a");
    act.leave("b", "made here");
  };
  const ExecutionResult result = run(std::move(wanted));
  EXPECT_THAT(pool_.acts.back().inputs, ElementsAre(Pair("a", "older")));
  ASSERT_THAT(result.files, SizeIs(1));
  EXPECT_EQ(result.files[0].name, "b");
  EXPECT_EQ(result.files[0].modified_from_id, "");
}

TEST_F(ExecutionTest, AnUntouchedFileOfTheReferenceIsNoOutput) {
  const files::Session session = make_session(files::Caller("env", ""));
  const FileReference file = upload(session, "in.txt", "hello");
  const std::string key = "files:" + session.id + ":" + file.id;
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set_fields(key, {{"sha256", ""}}, std::chrono::hours(1)));
  loop_.run(records_->write(std::move(writes)));
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("in.txt", act.inputs.at("in.txt"));
  };
  const ExecutionResult result = run(request({file}));
  ASSERT_THAT(result.files, SizeIs(1));
  EXPECT_TRUE(result.files[0].inherited);
  EXPECT_NE(loop_.run(files_.find(session.id, file.id))->sha256, "");
  EXPECT_EQ(loop_.run(records_->remaining(key)), std::nullopt);
}

TEST_F(ExecutionTest, RunsAtOnceLinkAFileOnce) {
  const FileReference file = upload(make_session(files::Caller("env", ""), true), "in.txt", "x");
  const std::string session = run(request()).session;
  std::vector<std::string> sessions;
  std::vector<awaitable<void>> runs;
  for (int i = 0; i < 4; ++i) {
    ExecutionRequest wanted = request({file});
    wanted.session_id = session;
    runs.push_back(run_into(*runs_, std::move(wanted), sessions));
  }
  loop_.run_together(std::move(runs));
  EXPECT_THAT(sessions, ElementsAre(session, session, session, session));
  EXPECT_THAT(loop_.run(files_.list(session)), SizeIs(1));
}

TEST_F(ExecutionTest, StrictOwnershipHoldsForEndedSessions) {
  settings_.strict_ownership = true;
  rebuild();
  const files::Session session = make_session(files::Caller("other", ""));
  const FileReference file = upload(session, "in.txt", "x");
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set_fields("sessions:" + session.id, {{"expires_at", "2026-01-09T10:20:55+00:00"}}));
  loop_.run(records_->write(std::move(writes)));
  EXPECT_THROW(run(request({file})), UnauthorizedReference);
}

TEST_F(ExecutionTest, AnOutputThatMayBeOnRecordKeepsItsBody) {
  store::testing::HookedRecords late(*records_);
  int writes = 0;
  late.after = [&](std::string operation, std::string) -> awaitable<void> {
    // The first is the session's.
    if (operation == "write" && ++writes > 1) throw Failure(FailureKind::unavailable, "no answer in time");
    co_return;
  };
  files::SessionFiles through(late, *bodies_);
  loop_.run(runs_->stop());
  executions_.emplace(pool_, sessions_, through, loop_.pool(), settings_);
  runs_.emplace(loop_.executor(), *executions_, records_of_runs_);
  pool_.script = [](Act& act) {
    act.exit(0);
    act.leave("a", "text");
  };
  const ExecutionResult result = run(request());
  EXPECT_THAT(result.files, IsEmpty());
  const auto records = loop_.run(files_.list(result.session));
  ASSERT_THAT(records, SizeIs(1));
  EXPECT_TRUE(loop_.run(bodies_->head(records[0].object_key)));
}

// The first run of an entity makes a session that another replica finds before that run has ended.
TEST_F(ExecutionTest, ReplicasTakeTurnsInTheNewSessionOfAnEntity) {
  state::TurnSettings shared;
  shared.shared = true;
  state::Turns turns(loop_.executor(), *records_, shared), other_turns(loop_.executor(), *records_, shared);
  state::States states(*records_, *bodies_, loop_.pool(), turns, state::StateSettings());
  state::States other_states(*records_, *bodies_, loop_.pool(), other_turns, state::StateSettings());
  Executions other(pool_, sessions_, files_, loop_.pool(), settings_);
  executions_->keep_states(states, turns);
  other.keep_states(other_states, other_turns);
  Runs other_runs(loop_.executor(), other, records_of_runs_);
  pool_.script = [](Act& act) {
    act.exit(0);
    act.pause = std::chrono::milliseconds(200);
  };
  ExecutionRequest wanted = request();
  wanted.entity_id = "entity";
  std::vector<std::string> order, used;
  auto run_first = [&]() -> awaitable<void> {
    const ExecutionResult result = co_await watch(*runs_, wanted);
    order.emplace_back("the first ended");
    used.push_back(result.session);
  };
  auto run_second = [&]() -> awaitable<void> {
    for (bool known = false; !known;) {
      co_await sleep_for(std::chrono::milliseconds(5));
      const auto found = co_await sessions_.find_by_entity("entity", wanted.caller);
      known = found.has_value();
    }
    RunOptions options;
    Run::Reader reader(other_runs.start(wanted, std::move(options)), Lag::wait);
    while (const std::optional<RunEvent> event = co_await reader.next()) {
      const auto* phase = std::get_if<Phase>(&event->what);
      if (phase != nullptr && *phase == Phase::running) order.emplace_back("the second began");
    }
    used.push_back(reader.run().session());
  };
  std::vector<awaitable<void>> works;
  works.push_back(run_first());
  works.push_back(run_second());
  for (const auto& failure : loop_.run_together(std::move(works))) EXPECT_FALSE(failure);
  EXPECT_THAT(order, ElementsAre("the first ended", "the second began"));
  ASSERT_THAT(used, SizeIs(2));
  EXPECT_EQ(used[0], used[1]);
  loop_.run(runs_->stop());
  loop_.run(other_runs.stop());
  loop_.run(turns.stop());
  loop_.run(other_turns.stop());
}

}  // namespace
}  // namespace ci::execution
