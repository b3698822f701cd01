#include "execution/testing/execution_fixture.h"

namespace ci::execution {
namespace {

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

}  // namespace
}  // namespace ci::execution
