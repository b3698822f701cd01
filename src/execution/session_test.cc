#include "execution/testing/execution_fixture.h"

namespace ci::execution {
namespace {

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
