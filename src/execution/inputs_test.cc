#include "execution/testing/execution_fixture.h"

namespace ci::execution {
namespace {

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

}  // namespace
}  // namespace ci::execution
