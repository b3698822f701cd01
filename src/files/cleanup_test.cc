#include "files/cleanup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files/testing/stores.h"

namespace ci::files {
namespace {

using namespace std::chrono_literals;

class CleanupTest : public ::testing::Test {
 protected:
  int sweep(bool orphans = false) {
    CleanupSettings settings;
    settings.orphans = orphans;
    Cleanup cleanup(*stores_.records, *stores_.bodies, stores_.files, settings);
    return stores_.loop.run(cleanup.sweep());
  }
  std::vector<std::string> members(std::string key) {
    return stores_.loop.run(stores_.records->members(std::move(key)));
  }
  // Makes every stored body as old as that.
  void age_bodies(std::chrono::hours age) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(stores_.directory.path() / "objects")) {
      if (entry.is_regular_file()) {
        std::filesystem::last_write_time(entry.path(), std::filesystem::file_time_type::clock::now() - age);
      }
    }
  }

  testing::Stores stores_;
  Sessions sessions_{*stores_.records, SessionSettings()};
  const Caller caller_{"env", ""};
};

TEST_F(CleanupTest, TakesAwayWhatEndedAndNothingElse) {
  const Session live = stores_.add_session(sessions_, caller_, "agent", 0s);
  const Session ended = stores_.add_session(sessions_, caller_, "agent", 2h, 1h);
  const FileRecord kept = stores_.add_file(live.id, "a", "kept");
  const FileRecord gone = stores_.add_file(ended.id, "b", "gone");
  const FileRecord linked_body = stores_.add_file(ended.id, "c", "linked");
  const FileRecord link = stores_.files.link(linked_body, live.id);
  stores_.write(stores_.files.writes_for(link));

  EXPECT_EQ(sweep(), 1);
  EXPECT_EQ(stores_.text_of(kept), "kept");
  EXPECT_EQ(stores_.text_of(gone), std::nullopt);
  EXPECT_EQ(stores_.text_of(link), "linked");
  EXPECT_THAT(members("sessions:index"), ::testing::ElementsAre(live.id));
  EXPECT_THAT(members("entity_sessions:agent"), ::testing::ElementsAre(live.id));
  EXPECT_TRUE(members("session_files:" + ended.id).empty());
  EXPECT_FALSE(stores_.loop.run(stores_.files.find(ended.id, gone.id)));
  EXPECT_EQ(sweep(), 0);
}

TEST_F(CleanupTest, RemovesTheFilesOfASessionWhoseRecordIsGone) {
  const Session session = stores_.add_session(sessions_, caller_, "", 0s);
  const FileRecord file = stores_.add_file(session.id, "a", "x");
  stores_.write(store::Write::remove("sessions:" + session.id));
  EXPECT_EQ(sweep(), 1);
  EXPECT_EQ(stores_.text_of(file), std::nullopt);
  EXPECT_TRUE(members("sessions:index").empty());
}

TEST_F(CleanupTest, ManySessionsAreGoneThroughInPages) {
  std::vector<store::Write> writes;
  for (int i = 0; i < 1203; ++i) writes.push_back(store::Write::add_member("sessions:index", "gone" + std::to_string(i)));
  stores_.write(std::move(writes));
  const Session live = stores_.add_session(sessions_, caller_, "", 0s);
  EXPECT_EQ(sweep(), 1203);
  EXPECT_THAT(members("sessions:index"), ::testing::ElementsAre(live.id));
}

TEST_F(CleanupTest, OrphansGoOnlyWhenAskedForAndOldEnough) {
  const Session session = stores_.add_session(sessions_, caller_, "", 0s);
  const FileRecord kept = stores_.add_file(session.id, "a", "kept");
  const FileRecord linked = stores_.add_file(session.id, "b", "linked");
  const FileRecord link = stores_.files.link(linked, "other");
  stores_.write(stores_.files.writes_for(link));
  stores_.loop.run(stores_.files.remove(linked.session, linked.id));
  StringSource body("orphan");
  stores_.loop.run(stores_.bodies->put("sessions/s/uploads/orphan", body, 100));
  StringSource state("state");
  stores_.loop.run(stores_.bodies->put("state/s", state, 100));
  const auto has_orphan = [&] { return stores_.loop.run(stores_.bodies->head("sessions/s/uploads/orphan")).has_value(); };

  sweep(true);
  EXPECT_TRUE(has_orphan());
  age_bodies(2h);
  sweep(false);
  EXPECT_TRUE(has_orphan());
  sweep(true);
  EXPECT_FALSE(has_orphan());
  EXPECT_EQ(stores_.text_of(kept), "kept");
  EXPECT_EQ(stores_.text_of(link), "linked");
  EXPECT_TRUE(stores_.loop.run(stores_.bodies->head("state/s")));
}

TEST_F(CleanupTest, ABodyUnderAnotherSessionThanItsRecordIsNoOrphan) {
  // As an upload leaves it whose fields come after its files: the body came first, under a session that never was.
  const Session session = stores_.add_session(sessions_, caller_, "", 0s);
  FileRecord record(*RelativePath::parse("a.txt"));
  record.session = sessions_.draft(caller_, "", false).id;
  StringSource body("kept");
  record = stores_.loop.run(stores_.files.store_body(std::move(record), body, 100));
  record.session = session.id;
  stores_.write(stores_.files.writes_for(record));
  age_bodies(2h);
  sweep(true);
  EXPECT_EQ(stores_.text_of(record), "kept");
  stores_.loop.run(stores_.files.remove(session.id, record.id));
  EXPECT_EQ(stores_.text_of(record), std::nullopt);
}

}  // namespace
}  // namespace ci::files
