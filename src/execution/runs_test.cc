#include "execution/runs.h"

#include <gmock/gmock.h>

#include "execution/testing/fake_pool.h"
#include "execution/testing/kept_records.h"
#include "store/open.h"
#include "store/testing/loop.h"

namespace ci::execution {
namespace {

using pool::Stream;
using testing::Act;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// The names of what has happened, texts as they are.
std::string name_of(const Happening& happening) {
  if (const auto* phase = std::get_if<Phase>(&happening)) {
    return *phase == Phase::turn ? "turn" : *phase == Phase::sandbox ? "sandbox" : "running";
  }
  if (const auto* printed = std::get_if<Printed>(&happening)) return printed->text;
  if (const auto* missed = std::get_if<Missed>(&happening)) return "missed " + std::to_string(missed->bytes);
  if (const auto* call = std::get_if<pool::Call>(&happening)) return "call " + call->request;
  if (std::holds_alternative<Paused>(happening)) return "paused";
  if (std::holds_alternative<Resumed>(happening)) return "resumed";
  return "ended";
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

class RunsTest : public ::testing::Test {
 protected:
  RunsTest() { rebuild(); }
  ~RunsTest() override { loop_.run(runs_->stop()); }

  void rebuild() {
    if (runs_) loop_.run(runs_->stop());
    executions_.emplace(pool_, sessions_, files_, loop_.pool(), settings_);
    runs_.emplace(loop_.executor(), *executions_, records_, runs_settings_);
  }

  std::shared_ptr<execution::Run> start(Abandoned abandoned = Abandoned::keep, std::string request_id = {}) {
    ExecutionRequest request;
    request.language = "py";
    request.code = "code";
    request.caller = files::Caller("env", "");
    RunOptions options;
    options.owner = "env";
    options.request_id = std::move(request_id);
    options.abandoned = abandoned;
    options.live = true;
    return runs_->start(std::move(request), std::move(options));
  }

  // Reads until an event of this name, which is there soon, or the end. Returns all that were read.
  static awaitable<std::vector<std::string>> read_until(Run::Reader& reader, std::string last) {
    std::vector<std::string> names;
    while (const std::optional<RunEvent> event = co_await reader.next(after(std::chrono::seconds(20)))) {
      names.push_back(name_of(event->what));
      if (names.back() == last) break;
    }
    co_return names;
  }
  std::vector<std::string> read(Run::Reader& reader, std::string last) {
    return loop_.run(read_until(reader, std::move(last)));
  }
  void wait_for_end(const std::shared_ptr<execution::Run>& run) {
    Run::Reader reader(run, Lag::lose);
    read(reader, "ended");
  }

  store::testing::TemporaryDirectory directory_;
  store::testing::Loop loop_;
  std::unique_ptr<store::KeyValueStore> store_ = store::open_sqlite(directory_.path() / "records", loop_.pool());
  std::unique_ptr<store::ObjectStore> bodies_ = store::open_filesystem(directory_.path() / "files", loop_.pool());
  files::Sessions sessions_{*store_, files::SessionSettings()};
  files::SessionFiles files_{*store_, *bodies_};
  testing::FakePool pool_;
  ExecutionSettings settings_;
  RunsSettings runs_settings_;
  testing::KeptRecords records_;
  std::optional<Executions> executions_;
  std::optional<Runs> runs_;
};

TEST_F(RunsTest, IsPausedResumedAndCancelledWhileOneReaderLooksAndOneIsSlowAndOneIsGone) {
  settings_.concurrent = 1;
  rebuild();
  pool_.script = [](Act& act) {
    act.print(Stream::out, "asking");
    act.call(7, "weather");
    act.forever = true;
    act.on_answer = [](Act& on, const pool::Answer& answer) { on.print(Stream::out, "got " + answer.result); };
  };
  const std::shared_ptr<execution::Run> run = start();
  Run::Reader quick(run, Lag::wait), slow(run, Lag::lose);
  auto gone = std::make_unique<Run::Reader>(run, Lag::wait);
  // Its session is put on record beside it.
  std::vector<std::string> seen;
  while (!contains(seen, "running") || !contains(seen, "call weather")) {
    seen.push_back(name_of(loop_.run(quick.next(after(std::chrono::seconds(20)))).value().what));
  }
  EXPECT_THAT(seen, UnorderedElementsAre("turn", "sandbox", "running", "asking", "call weather"));
  gone.reset();
  EXPECT_EQ(executions_->running(), 1u);

  run->pause(std::chrono::minutes(1));
  EXPECT_THAT(read(quick, "paused"), ElementsAre("paused"));
  EXPECT_EQ(run->state(), RunState::paused);
  EXPECT_TRUE(std::holds_alternative<pool::Freeze>(pool_.words.back()));
  // Another one has the only place meanwhile, and a server that stops would not wait.
  EXPECT_EQ(executions_->running(), 0u);
  const auto paused_script = std::exchange(pool_.script, [](Act& act) { act.exit(0); });
  const std::shared_ptr<execution::Run> other = start();
  wait_for_end(other);
  EXPECT_EQ(other->result().outcome.ended, pool::Ended::exited);

  std::vector<pool::Answer> answers;
  answers.emplace_back(7, "sun");
  run->resume(std::move(answers), std::chrono::milliseconds(500));
  EXPECT_THAT(read(quick, "got sun"), ElementsAre("resumed", "got sun"));
  EXPECT_EQ(executions_->running(), 1u);
  ASSERT_THAT(pool_.words, SizeIs(3));
  EXPECT_EQ(std::get<pool::Answer>(pool_.words[1]).number, 7u);
  EXPECT_EQ(std::get<pool::Thaw>(pool_.words[2]).time_limit, std::chrono::milliseconds(500));

  EXPECT_TRUE(run->cancel());
  EXPECT_THAT(read(quick, "ended"), ElementsAre("ended"));
  EXPECT_TRUE(std::holds_alternative<pool::Interrupt>(pool_.words.back()));
  EXPECT_EQ(run->result().outcome.ended, pool::Ended::interrupted);
  EXPECT_EQ(run->result().out, "askinggot sun\n");
  EXPECT_THAT(run->result().files, IsEmpty());
  EXPECT_FALSE(run->cancel());
  EXPECT_EQ(pool_.leases, 0);
  EXPECT_THAT(
      read(slow, "ended"),
      UnorderedElementsAre(
          "turn", "sandbox", "running", "asking", "call weather", "paused", "resumed", "got sun", "ended"));
}

TEST_F(RunsTest, AProgramWaitsForAPatientReaderOnly) {
  constexpr int pieces = 20;
  const std::string piece(60 << 10, 'x');
  pool_.script = [&](Act& act) {
    for (int i = 0; i < pieces; ++i) act.print(Stream::out, piece);
    act.exit(0);
  };
  const std::shared_ptr<execution::Run> run = start();
  Run::Reader losing(run, Lag::lose);
  auto patient = std::make_unique<Run::Reader>(run, Lag::wait);
  Run::Reader watching(run, Lag::lose);
  read(watching, "running");
  // Nothing is lost as long as it is there, and the program cannot have ended.
  for (int i = 0; i < 10; ++i) loop_.run(sleep_for(std::chrono::milliseconds(1)));
  EXPECT_EQ(run->state(), RunState::running);
  std::uint64_t got = 0;
  for (int i = 0; i < 8; ++i) {
    const auto event = loop_.run(patient->next());
    ASSERT_TRUE(event);
    EXPECT_FALSE(std::holds_alternative<Missed>(event->what));
    if (const auto* printed = std::get_if<Printed>(&event->what)) got += printed->text.size();
  }
  EXPECT_GE(got, 5 * piece.size());
  patient.reset();
  wait_for_end(run);
  // Whoever did not care to wait learns how much it was.
  std::uint64_t printed = 0, missed = 0;
  while (const auto event = losing.take()) {
    if (const auto* text = std::get_if<Printed>(&event->what)) printed += text->text.size();
    if (const auto* gap = std::get_if<Missed>(&event->what)) missed += gap->bytes;
  }
  EXPECT_EQ(printed + missed, pieces * piece.size());
  EXPECT_GT(missed, 0u);
  EXPECT_LE(printed, 256u << 10);
}

TEST_F(RunsTest, EndsWhenItsLastReaderLeavesOrGoesOn) {
  pool_.script = [](Act& act) {
    act.leave("a.txt", "a");
    act.forever = true;
  };
  for (const Abandoned abandoned : {Abandoned::end, Abandoned::keep}) {
    const std::shared_ptr<execution::Run> run = start(abandoned);
    auto one = std::make_unique<Run::Reader>(run, Lag::lose), two = std::make_unique<Run::Reader>(run, Lag::lose);
    read(*one, "running");
    one.reset();
    EXPECT_FALSE(run->cancelled());
    two.reset();
    EXPECT_EQ(run->cancelled(), abandoned == Abandoned::end);
    run->cancel();
    wait_for_end(run);
  }
}

TEST_F(RunsTest, OneThatWaitsIsCancelledWithoutASandbox) {
  settings_.concurrent = 1;
  rebuild();
  pool_.script = [](Act& act) { act.forever = true; };
  const std::shared_ptr<execution::Run> first = start();
  Run::Reader reader(first, Lag::lose);
  read(reader, "running");
  const std::shared_ptr<execution::Run> second = start();
  Run::Reader other(second, Lag::lose);
  read(other, "sandbox");
  second->interrupt();
  read(other, "ended");
  EXPECT_TRUE(second->cancelled());
  EXPECT_EQ(second->result().session, second->session());
  EXPECT_EQ(pool_.acquired, 1);
}

TEST_F(RunsTest, AnInterruptKeepsWhatThereIs) {
  pool_.script = [](Act& act) {
    act.print(Stream::out, "so far");
    act.forever = true;
  };
  const std::shared_ptr<execution::Run> run = start();
  Run::Reader reader(run, Lag::lose);
  read(reader, "running");
  run->interrupt();
  read(reader, "ended");
  EXPECT_FALSE(run->cancelled());
  EXPECT_EQ(run->result().outcome.ended, pool::Ended::interrupted);
  EXPECT_EQ(run->result().out, "so far\n");
  EXPECT_THAT(run->result().err, HasSubstr("interrupted"));
}

TEST_F(RunsTest, APauseThatNobodyEndsEndsTheRun) {
  pool_.script = [](Act& act) { act.forever = true; };
  const std::shared_ptr<execution::Run> run = start();
  Run::Reader reader(run, Lag::lose);
  read(reader, "running");
  run->pause(std::chrono::milliseconds(1));
  EXPECT_THAT(read(reader, "ended"), ElementsAre("paused", "ended"));
  EXPECT_TRUE(run->cancelled());
  EXPECT_EQ(pool_.leases, 0);
}

TEST_F(RunsTest, NoTimeGoesOnWhileItIsPaused) {
  settings_.overtime = std::chrono::milliseconds(1);
  rebuild();
  pool_.script = [](Act& act) { act.forever = true; };
  ExecutionRequest request;
  request.language = "py";
  request.caller = files::Caller("env", "");
  request.time_limit = std::chrono::milliseconds(200);
  const std::shared_ptr<execution::Run> run = runs_->start(std::move(request), RunOptions());
  Run::Reader reader(run, Lag::lose);
  run->pause(std::chrono::minutes(1));  // as soon as it runs
  std::vector<std::string> seen;
  while (!contains(seen, "running") || !contains(seen, "paused")) {
    seen.push_back(name_of(loop_.run(reader.next(after(std::chrono::seconds(20)))).value().what));
  }
  EXPECT_FALSE(loop_.run(reader.next(after(std::chrono::milliseconds(300)))));
  EXPECT_EQ(run->state(), RunState::paused);
  run->resume({}, std::nullopt);
  EXPECT_THAT(read(reader, "ended"), ElementsAre("resumed", "ended"));
  EXPECT_EQ(run->result().outcome.ended, pool::Ended::lost);
}

TEST_F(RunsTest, AreFoundByTheirOwnersAndForgottenInTime) {
  runs_settings_.most_kept = 1;
  rebuild();
  pool_.script = [](Act& act) { act.forever = true; };
  const std::shared_ptr<execution::Run> run = start(Abandoned::keep, "request-1");
  EXPECT_EQ(runs_->find("env", run->id()), run);
  EXPECT_EQ(runs_->find("other", run->id()), nullptr);
  EXPECT_EQ(runs_->find_by_request("env", "request-1"), run);
  EXPECT_EQ(runs_->find_by_request("other", "request-1"), nullptr);
  EXPECT_EQ(runs_->find_by_request("env", ""), nullptr);
  EXPECT_EQ(runs_->count("env"), 1u);
  EXPECT_EQ(runs_->count("other"), 0u);
  run->cancel();
  wait_for_end(run);
  EXPECT_EQ(runs_->count("env"), 0u);
  EXPECT_EQ(runs_->find("env", run->id()), run);
  const std::shared_ptr<execution::Run> later = start();
  later->cancel();
  wait_for_end(later);
  EXPECT_EQ(runs_->find("env", run->id()), nullptr);
  EXPECT_EQ(runs_->find("env", later->id()), later);

  runs_settings_.kept_after_end = std::chrono::seconds(0);
  rebuild();
  const std::shared_ptr<execution::Run> brief = start();
  brief->cancel();
  wait_for_end(brief);
  while (runs_->size() > 0) loop_.run(sleep_for(std::chrono::milliseconds(1)));
}

TEST_F(RunsTest, StoppingEndsThemAll) {
  pool_.script = [](Act& act) { act.forever = true; };
  std::vector<std::shared_ptr<execution::Run>> runs;
  for (int i = 0; i < 3; ++i) runs.push_back(start());
  Run::Reader reader(runs.back(), Lag::lose);
  read(reader, "running");
  loop_.run(runs_->stop());
  for (const auto& run : runs) EXPECT_EQ(run->state(), RunState::ended);
  EXPECT_EQ(pool_.leases, 0);
}

TEST_F(RunsTest, EachLeavesARecordAlsoOneThatFailedToStart) {
  pool_.script = [](Act& act) {
    act.print(Stream::out, "hello");
    act.exit(3);
    act.leave("a.txt", "a");
  };
  const std::shared_ptr<execution::Run> good = start();
  wait_for_end(good);
  pool_.exhausted = true;
  wait_for_end(start());
  pool_.exhausted = false;
  pool_.script = [](Act& act) { act.forever = true; };
  const std::shared_ptr<execution::Run> unwanted = start();
  {
    Run::Reader reader(unwanted, Lag::lose);
    read(reader, "running");
  }
  unwanted->cancel();
  wait_for_end(unwanted);

  ASSERT_THAT(records_.records, SizeIs(3));
  const metrics::RunRecord& first = records_.records[0];
  EXPECT_EQ(first.id, good->id());
  EXPECT_EQ(first.owner, "env");
  EXPECT_EQ(first.language, "py");
  EXPECT_EQ(first.outcome, "exited");
  EXPECT_EQ(first.exit_code, 3);
  EXPECT_EQ(first.files, 1u);
  EXPECT_EQ(first.code_bytes, 4u);
  EXPECT_EQ(first.session, good->result().session);
  EXPECT_EQ(first.output_bytes, good->result().out.size() + good->result().err.size());
  EXPECT_EQ(first.program_time, std::chrono::milliseconds(5));
  EXPECT_EQ(records_.records[1].outcome, "failed");
  EXPECT_EQ(records_.records[1].reason, "No sandbox in time");
  EXPECT_NE(records_.records[1].session, "");
  EXPECT_EQ(records_.records[2].outcome, "cancelled");
}

}  // namespace
}  // namespace ci::execution
