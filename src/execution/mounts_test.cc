#include "execution/mounts.h"

#include <gmock/gmock.h>

namespace ci::execution {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

files::FileRecord record(const std::string& session, const std::string& id, const std::string& name) {
  files::FileRecord made(*RelativePath::parse(name));
  made.session = session;
  made.id = id;
  return made;
}

FileReference reference(const std::string& name) {
  FileReference made;
  made.name = name;
  return made;
}

MountRules rules(std::size_t own_limit = 50) {
  MountRules made;
  made.own_limit = own_limit;
  made.source_file = "code.py";
  return made;
}

// "id:name" of each mount.
std::vector<std::string> described(const Choice& choice) {
  std::vector<std::string> texts;
  for (const Mount& mount : choice.mounts) texts.push_back(mount.record.id + ":" + mount.name.text());
  return texts;
}

TEST(ChooseMounts, TheLaterReferenceOfANameWins) {
  const auto mounts = choose_mounts(
      {reference("a.txt"), reference("a.txt")}, {record("s", "1", "a.txt"), record("s", "2", "a.txt")}, {}, rules());
  EXPECT_THAT(described(mounts), ElementsAre("2:a.txt"));
}

TEST(ChooseMounts, TheReferenceNamesThePlaceUnlessItCannotBeOne) {
  const auto mounts = choose_mounts(
      {reference("sub/other.txt"), reference("../up.txt")}, {record("s", "1", "a.txt"), record("s", "2", "b.txt")}, {},
      rules());
  EXPECT_THAT(described(mounts), UnorderedElementsAre("1:sub/other.txt", "2:b.txt"));
}

TEST(ChooseMounts, MissingAndRepeatedReferencesAreLeftOut) {
  const auto mounts = choose_mounts(
      {reference("a"), reference("b"), reference("c")}, {record("s", "1", "a"), std::nullopt, record("s", "1", "a")},
      {}, rules());
  EXPECT_THAT(described(mounts), ElementsAre("1:a"));
}

TEST(ChooseMounts, AFileCannotBeWhereADirectoryIs) {
  const auto mounts =
      choose_mounts({reference("a"), reference("a/b")}, {record("s", "1", "a"), record("s", "2", "b")}, {}, rules());
  EXPECT_THAT(described(mounts), ElementsAre("2:a/b"));
}

TEST(ChooseMounts, TheSourceFileBelongsToTheProgram) {
  EXPECT_THAT(described(choose_mounts({reference("code.py")}, {record("s", "1", "code.py")}, {}, rules())), IsEmpty());
}

TEST(ChooseMounts, ASessionWithoutReferencesHasItsNewestFiles) {
  const std::vector<files::FileRecord> own = {
      record("s", "1", "a"), record("s", "2", "b"), record("s", "3", "a"), record("s", "4", "c")};
  EXPECT_THAT(described(choose_mounts({}, {}, own, rules())), ElementsAre("4:c", "3:a", "2:b"));
  EXPECT_THAT(described(choose_mounts({}, {}, own, rules(2))), ElementsAre("4:c", "3:a"));
}

TEST(ChooseMounts, BesideReferencesOnlyWhatTheSessionMade) {
  files::FileRecord upload = record("s", "1", "upload");
  files::FileRecord output = record("s", "2", "output");
  output.output = true;
  files::FileRecord hidden = record("s", "3", "given");
  hidden.output = true;
  files::FileRecord link = record("s", "4", "link");
  link.output = true;
  link.source_session = "other";
  const auto mounts =
      choose_mounts({reference("given")}, {record("t", "5", "given")}, {upload, output, hidden, link}, rules());
  EXPECT_THAT(described(mounts), ElementsAre("5:given", "2:output"));
}

TEST(ChooseMounts, SkillsAreReadOnly) {
  FileReference skill = reference("s.md");
  skill.kind = "skill";
  EXPECT_TRUE(choose_mounts({skill}, {record("s", "1", "s.md")}, {}, rules()).mounts.at(0).read_only);
}

TEST(ChooseMounts, ANamedSessionHasAllOfItsFilesBesideReferences) {
  files::FileRecord link = record("s", "2", "link");
  link.source_session = "other";
  const std::vector<files::FileRecord> own = {record("s", "1", "upload"), link};
  MountRules named = rules();
  named.whole_session = true;
  EXPECT_THAT(
      described(choose_mounts({reference("given")}, {record("t", "5", "given")}, own, named)),
      ElementsAre("5:given", "2:link", "1:upload"));
}

TEST(ChooseMounts, WhatAProgramRemovedIsNotThere) {
  files::FileRecord removed = record("s", "1", "a");
  removed.removed = true;
  EXPECT_THAT(described(choose_mounts({}, {}, {removed, record("s", "2", "b")}, rules())), ElementsAre("2:b"));
  // A reference asks for that very file.
  EXPECT_THAT(described(choose_mounts({reference("a")}, {removed}, {removed}, rules())), ElementsAre("1:a"));
}

std::vector<std::string> names_of(const std::vector<Unmounted>& unmounted) {
  std::vector<std::string> names;
  for (const Unmounted& file : unmounted) names.push_back(file.name);
  return names;
}

TEST(ChooseMounts, SaysWhoseNameIsTaken) {
  const std::vector<files::FileRecord> own = {
      record("s", "1", "code.py"), record("s", "2", "code.py"), record("s", "3", "a")};
  const Choice choice = choose_mounts({reference("a/b")}, {record("t", "4", "a/b")}, own, [] {
    MountRules whole = rules();
    whole.whole_session = true;
    return whole;
  }());
  EXPECT_THAT(described(choice), ElementsAre("4:a/b"));
  ASSERT_THAT(names_of(choice.unmounted), ElementsAre("a", "code.py"));
  EXPECT_EQ(choice.unmounted[0].reason, Unmounted::Reason::path);
  EXPECT_EQ(choice.unmounted[1].reason, Unmounted::Reason::source);
}

TEST(ChooseMounts, TheRoomIsForReferencesAndThenForTheNewest) {
  const auto sized = [](const std::string& id, const std::string& name, std::uint64_t size) {
    files::FileRecord made = record("s", id, name);
    made.size = size;
    return made;
  };
  MountRules small = rules();
  small.whole_session = true;
  small.room = 1000000;
  const std::vector<files::FileRecord> own = {
      sized("1", "oldest", 500000), sized("2", "a", 1000), sized("3", "a", 2000000), sized("4", "newest", 400000)};
  Choice choice = choose_mounts({}, {}, own, small);
  EXPECT_THAT(described(choice), ElementsAre("4:newest", "1:oldest"));
  EXPECT_THAT(names_of(choice.unmounted), ElementsAre("a"));
  choice =
      choose_mounts({reference("r"), reference("r2")}, {sized("5", "r", 300000), sized("6", "r2", 600000)}, own, small);
  EXPECT_THAT(described(choice), ElementsAre("6:r2", "5:r"));
  EXPECT_THAT(names_of(choice.unmounted), ElementsAre("newest", "a", "oldest"));
}

TEST(ChooseMounts, OlderVersionsStandBehindANewerOne) {
  const std::vector<files::FileRecord> own = {
      record("s", "1", "a"), record("s", "2", "b"), record("s", "3", "a"), record("s", "4", "a")};
  const Choice choice = choose_mounts({}, {}, own, rules());
  ASSERT_THAT(described(choice), ElementsAre("4:a", "2:b"));
  ASSERT_EQ(choice.mounts[0].older.size(), 2u);
  EXPECT_EQ(choice.mounts[0].older[0].id, "3");
  EXPECT_EQ(choice.mounts[0].older[1].id, "1");
}

}  // namespace
}  // namespace ci::execution
