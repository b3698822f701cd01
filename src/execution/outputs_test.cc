#include "execution/testing/execution_fixture.h"

namespace ci::execution {
namespace {

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

}  // namespace
}  // namespace ci::execution
