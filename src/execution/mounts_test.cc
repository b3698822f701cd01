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

// "id:name" of each mount.
std::vector<std::string> described(const std::vector<Mount>& mounts) {
  std::vector<std::string> texts;
  for (const Mount& mount : mounts) texts.push_back(mount.record.id + ":" + mount.name.text());
  return texts;
}

TEST(ChooseMounts, TheLaterReferenceOfANameWins) {
  const auto mounts = choose_mounts(
      {reference("a.txt"), reference("a.txt")}, {record("s", "1", "a.txt"), record("s", "2", "a.txt")}, {}, 50, "code.py");
  EXPECT_THAT(described(mounts), ElementsAre("2:a.txt"));
}

TEST(ChooseMounts, TheReferenceNamesThePlaceUnlessItCannotBeOne) {
  const auto mounts = choose_mounts(
      {reference("sub/other.txt"), reference("../up.txt")}, {record("s", "1", "a.txt"), record("s", "2", "b.txt")}, {},
      50, "code.py");
  EXPECT_THAT(described(mounts), UnorderedElementsAre("1:sub/other.txt", "2:b.txt"));
}

TEST(ChooseMounts, MissingAndRepeatedReferencesAreLeftOut) {
  const auto mounts = choose_mounts(
      {reference("a"), reference("b"), reference("c")}, {record("s", "1", "a"), std::nullopt, record("s", "1", "a")}, {},
      50, "code.py");
  EXPECT_THAT(described(mounts), ElementsAre("1:a"));
}

TEST(ChooseMounts, AFileCannotBeWhereADirectoryIs) {
  const auto mounts = choose_mounts(
      {reference("a"), reference("a/b")}, {record("s", "1", "a"), record("s", "2", "b")}, {}, 50, "code.py");
  EXPECT_THAT(described(mounts), ElementsAre("2:a/b"));
}

TEST(ChooseMounts, TheSourceFileBelongsToTheProgram) {
  EXPECT_THAT(choose_mounts({reference("code.py")}, {record("s", "1", "code.py")}, {}, 50, "code.py"), IsEmpty());
}

TEST(ChooseMounts, ASessionWithoutReferencesHasItsNewestFiles) {
  const std::vector<files::FileRecord> own = {
      record("s", "1", "a"), record("s", "2", "b"), record("s", "3", "a"), record("s", "4", "c")};
  EXPECT_THAT(described(choose_mounts({}, {}, own, 50, "code.py")), ElementsAre("4:c", "3:a", "2:b"));
  EXPECT_THAT(described(choose_mounts({}, {}, own, 2, "code.py")), ElementsAre("4:c", "3:a"));
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
      choose_mounts({reference("given")}, {record("t", "5", "given")}, {upload, output, hidden, link}, 50, "code.py");
  EXPECT_THAT(described(mounts), ElementsAre("5:given", "2:output"));
}

TEST(ChooseMounts, SkillsAreReadOnly) {
  FileReference skill = reference("s.md");
  skill.kind = "skill";
  EXPECT_TRUE(choose_mounts({skill}, {record("s", "1", "s.md")}, {}, 50, "code.py").at(0).read_only);
}

}  // namespace
}  // namespace ci::execution
