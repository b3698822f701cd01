#include "files/session_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/sha256.h"
#include "files/testing/stores.h"

namespace ci::files {
namespace {

using store::Write;

class SessionFilesTest : public testing::StoresTest {
 protected:
  std::optional<FileRecord> find(const std::string& session, const std::string& id) {
    return stores_.loop.run(stores_.files.find(session, id));
  }
  bool remove(const FileRecord& record) { return stores_.loop.run(stores_.files.remove(record.session, record.id)); }
};

INSTANTIATE_TEST_SUITE_P(
    Stores, SessionFilesTest, ::testing::ValuesIn(store::testing::all_backends), testing::name_of_backend);

TEST_P(SessionFilesTest, AreFoundAsTheyWereStored) {
  const FileRecord stored = stores_.add_file("s1", "dir/отчёт.csv", "a,b\n", true);
  EXPECT_EQ(stored.object_key, "sessions/s1/outputs/" + stored.id);
  const auto found = find("s1", stored.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name.text(), "dir/отчёт.csv");
  EXPECT_EQ(found->size, 4u);
  EXPECT_EQ(found->sha256, stored.sha256);
  EXPECT_TRUE(found->output);
  EXPECT_EQ(stores_.text_of(*found), "a,b\n");
  EXPECT_FALSE(find("s2", stored.id));
  for (const char* id : {"", "a:b", "../x", "*"}) EXPECT_FALSE(find("s1", id)) << id;
}

TEST_P(SessionFilesTest, OfTheReferenceAreRead) {
  StringSource body("hello");
  stores_.loop.run(stores_.bodies->put("sessions/s1/uploads/f1", body, 100));
  std::vector<Write> writes;
  writes.push_back(Write::set_fields(
      "files:s1:f1", {{"file_id", "f1"},
                      {"filename", "sales_2025.csv"},
                      {"content_type", "text/csv"},
                      {"object_key", "sessions/s1/uploads/f1"},
                      {"session_id", "s1"},
                      {"created_at", "2026-01-09T10:20:55.101000+00:00"},
                      {"size", "5"},
                      {"path", "/sales_2025.csv"},
                      {"type", "upload"}}));
  writes.push_back(Write::add_member("session_files:s1", "f1"));
  stores_.write(std::move(writes));
  const auto found = find("s1", "f1");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->original_name, "sales_2025.csv");
  EXPECT_EQ(found->size, 5u);
  EXPECT_EQ(stores_.text_of(*found), "hello");

  // A link to it is the second user of a body whose first one we never wrote.
  const FileRecord link = stores_.files.link(*found, "s2");
  stores_.write(stores_.files.writes_for(link));
  EXPECT_TRUE(remove(link));
  EXPECT_EQ(stores_.text_of(*found), "hello");
  EXPECT_TRUE(remove(*found));
  EXPECT_EQ(stores_.text_of(*found), std::nullopt);
}

TEST_P(SessionFilesTest, ARecordThatPointsOutsideOfTheStoreIsNone) {
  for (const char* key : {"../../etc/passwd", "/etc/passwd", "a b", ""}) {
    stores_.write(Write::set_fields(
        "files:s1:f1", {{"file_id", "f1"}, {"session_id", "s1"}, {"filename", "x"}, {"object_key", key}}));
    EXPECT_FALSE(find("s1", "f1")) << key;
  }
}

TEST_P(SessionFilesTest, AreListedOldestFirst) {
  std::vector<std::string> names;
  for (int i = 0; i < 12; ++i) {
    names.push_back("f" + std::to_string(i));
    stores_.add_file("s1", names.back().c_str(), "x");
  }
  stores_.add_file("s2", "other", "x");
  stores_.write(Write::add_member("session_files:s1", "vanished"));
  std::vector<std::string> listed;
  for (const auto& record : stores_.loop.run(stores_.files.list("s1"))) listed.push_back(record.name.text());
  EXPECT_EQ(listed, names);
  EXPECT_TRUE(stores_.loop.run(stores_.files.list("none")).empty());
}

TEST_P(SessionFilesTest, TheBodyStaysUntilTheLastRecordGoes) {
  const FileRecord first = stores_.add_file("s1", "a", "text");
  const FileRecord second = stores_.files.link(first, "s2");
  const FileRecord third = stores_.files.link(second, "s3");
  stores_.write(stores_.files.writes_for(second));
  stores_.write(stores_.files.writes_for(third));
  EXPECT_NE(second.id, first.id);
  EXPECT_EQ(third.source_session, "s2");
  EXPECT_TRUE(remove(first));
  EXPECT_FALSE(remove(first));
  EXPECT_EQ(stores_.text_of(second), "text");
  EXPECT_TRUE(remove(third));
  EXPECT_EQ(stores_.text_of(second), "text");
  EXPECT_TRUE(remove(second));
  EXPECT_EQ(stores_.text_of(second), std::nullopt);
  EXPECT_TRUE(stores_.loop.run(stores_.records->members("object_users:" + first.object_key)).empty());
}

TEST_P(SessionFilesTest, TheLastTwoRecordsRemovedAtOnceTakeTheBodyAlong) {
  const FileRecord first = stores_.add_file("s1", "a", "text");
  const FileRecord second = stores_.files.link(first, "s2");
  stores_.write(stores_.files.writes_for(second));
  const auto remove_one = [](SessionFiles& files, std::string session, std::string id) -> awaitable<void> {
    co_await files.remove(std::move(session), std::move(id));
  };
  std::vector<awaitable<void>> both;
  both.push_back(remove_one(stores_.files, "s1", first.id));
  both.push_back(remove_one(stores_.files, "s2", second.id));
  for (const auto& failure : stores_.loop.run_together(std::move(both))) EXPECT_EQ(failure, nullptr);
  EXPECT_EQ(stores_.text_of(first), std::nullopt);
}

TEST_P(SessionFilesTest, DiscardingALinkLeavesTheBodyOfItsSource) {
  const FileRecord first = stores_.add_file("s1", "a", "text");
  stores_.loop.run(stores_.files.discard(stores_.files.link(first, "s2")));
  EXPECT_EQ(stores_.text_of(first), "text");
  stores_.loop.run(stores_.files.discard(first));
  EXPECT_EQ(stores_.text_of(first), std::nullopt);
}

TEST_P(SessionFilesTest, TooLargeABodyIsExhausted) {
  FileRecord record(*RelativePath::parse("a"));
  record.session = "s1";
  StringSource body(std::string(101, 'x'));
  EXPECT_EQ(
      store::testing::failure_of([&] { stores_.loop.run(stores_.files.store_body(record, body, 100)); }),
      FailureKind::exhausted);
}

TEST_P(SessionFilesTest, LinksMadeTwiceAreOne) {
  const FileRecord first = stores_.add_file("s1", "a", "text");
  const FileRecord link = stores_.files.link(first, "s2");
  EXPECT_EQ(stores_.files.link(first, "s2").id, link.id);
  EXPECT_NE(stores_.files.link(first, "s3").id, link.id);
  EXPECT_NE(stores_.files.link(stores_.add_file("s1", "a", "text"), "s2").id, link.id);
}

TEST_P(SessionFilesTest, OfTheReferenceAreCompletedAndKept) {
  StringSource body("hello");
  stores_.loop.run(stores_.bodies->put("sessions/s1/uploads/f1", body, 100));
  std::vector<Write> writes;
  writes.push_back(Write::set_fields(
      "files:s1:f1",
      {{"file_id", "f1"},
       {"filename", "a"},
       {"object_key", "sessions/s1/uploads/f1"},
       {"session_id", "s1"},
       {"size", "5"}},
      std::chrono::hours(1)));
  writes.push_back(Write::add_member("session_files:s1", "f1"));
  stores_.write(std::move(writes));
  stores_.write(stores_.files.writes_to_keep(*find("s1", "f1")));
  EXPECT_EQ(stores_.loop.run(stores_.records->remaining("files:s1:f1")), std::nullopt);
  const FileRecord completed = stores_.loop.run(stores_.files.complete(*find("s1", "f1")));
  EXPECT_EQ(completed.sha256, sha256_hex("hello"));
  EXPECT_EQ(find("s1", "f1")->sha256, completed.sha256);
  EXPECT_TRUE(stores_.files.writes_to_keep(completed).empty());
}

TEST_P(SessionFilesTest, RemovedOnesAreMarkedAndGoneOnesStayGone) {
  const FileRecord removed = stores_.add_file("s1", "a", "text", true);
  const FileRecord gone = stores_.add_file("s1", "b", "text", true);
  EXPECT_TRUE(remove(gone));
  stores_.loop.run(stores_.files.mark_removed({removed, gone}));
  EXPECT_TRUE(find("s1", removed.id)->removed);
  EXPECT_EQ(stores_.text_of(removed), "text");
  EXPECT_FALSE(stores_.loop.run(stores_.records->get_fields("files:s1:" + gone.id)));
  EXPECT_FALSE(stores_.files.link(*find("s1", removed.id), "s2").removed);
}

}  // namespace
}  // namespace ci::files
