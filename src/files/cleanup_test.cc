#include "files/cleanup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/failure.h"
#include "files/record_text.h"
#include "files/testing/stores.h"
#include "store/testing/hooked_stores.h"

namespace ci::files {
namespace {

using namespace std::chrono_literals;

class CleanupTest : public testing::StoresTest {
 protected:
  // As if every body were older than an hour already, or none.
  static constexpr std::chrono::seconds all_old = -1min, all_young = 1h;

  int sweep(bool orphans = false, std::chrono::seconds youngest_orphan = all_old) {
    CleanupSettings settings;
    settings.orphans = orphans;
    settings.youngest_orphan = youngest_orphan;
    Cleanup cleanup(*stores_.records, *stores_.bodies, stores_.files, settings);
    return stores_.loop.run(cleanup.sweep());
  }

  Sessions sessions_{*stores_.records, SessionSettings()};
  const Caller caller_{"env", ""};
};

INSTANTIATE_TEST_SUITE_P(
    Stores, CleanupTest, ::testing::ValuesIn(store::testing::all_backends), testing::name_of_backend);

TEST_P(CleanupTest, TakesAwayWhatEndedAndNothingElse) {
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
  EXPECT_THAT(members(entity_key("agent", "env", "")), ::testing::ElementsAre(live.id));
  EXPECT_TRUE(members("session_files:" + ended.id).empty());
  EXPECT_FALSE(stores_.loop.run(stores_.files.find(ended.id, gone.id)));
  EXPECT_EQ(sweep(), 0);
}

TEST_P(CleanupTest, RemovesTheFilesOfASessionWhoseRecordIsGone) {
  const Session session = stores_.add_session(sessions_, caller_, "", 0s);
  const FileRecord file = stores_.add_file(session.id, "a", "x");
  stores_.write(store::Write::remove("sessions:" + session.id));
  EXPECT_EQ(sweep(), 1);
  EXPECT_EQ(stores_.text_of(file), std::nullopt);
  EXPECT_TRUE(members("sessions:index").empty());
}

TEST_P(CleanupTest, ManySessionsAreGoneThroughInPages) {
  std::vector<store::Write> writes;
  for (int i = 0; i < 1203; ++i)
    writes.push_back(store::Write::add_member("sessions:index", "gone" + std::to_string(i)));
  stores_.write(std::move(writes));
  const Session live = stores_.add_session(sessions_, caller_, "", 0s);
  EXPECT_EQ(sweep(), 1203);
  EXPECT_THAT(members("sessions:index"), ::testing::ElementsAre(live.id));
}

TEST_P(CleanupTest, OrphansGoOnlyWhenAskedForAndOldEnough) {
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
  const auto has_orphan = [&] {
    return stores_.loop.run(stores_.bodies->head("sessions/s/uploads/orphan")).has_value();
  };

  sweep(true, all_young);
  EXPECT_TRUE(has_orphan());
  sweep(false);
  EXPECT_TRUE(has_orphan());
  sweep(true);
  EXPECT_FALSE(has_orphan());
  EXPECT_EQ(stores_.text_of(kept), "kept");
  EXPECT_EQ(stores_.text_of(link), "linked");
  EXPECT_TRUE(stores_.loop.run(stores_.bodies->head("state/s")));
}

TEST_P(CleanupTest, ABodyUnderAnotherSessionThanItsRecordIsNoOrphan) {
  // As an upload leaves it whose fields come after its files: the body came first, under a session that never was.
  const Session session = stores_.add_session(sessions_, caller_, "", 0s);
  FileRecord record(*RelativePath::parse("a.txt"));
  record.session = sessions_.draft(caller_, "", false).id;
  StringSource body("kept");
  record = stores_.loop.run(stores_.files.store_body(std::move(record), body, 100));
  record.session = session.id;
  stores_.write(stores_.files.writes_for(record));
  sweep(true);
  EXPECT_EQ(stores_.text_of(record), "kept");
  stores_.loop.run(stores_.files.remove(session.id, record.id));
  EXPECT_EQ(stores_.text_of(record), std::nullopt);
}

TEST_P(CleanupTest, TakesBodiesAlongWhoseRecordsEndedByThemselves) {
  const Session session = stores_.add_session(sessions_, caller_, "", 2h, 1h);
  const FileRecord forgotten = stores_.add_file(session.id, "a", "forgotten");
  const FileRecord linked = stores_.add_file(session.id, "b", "linked");
  const FileRecord link = stores_.files.link(linked, "other");
  stores_.write(stores_.files.writes_for(link));
  for (const FileRecord& record : {forgotten, linked}) {
    stores_.write(store::Write::remove("files:" + session.id + ":" + record.id));
  }
  EXPECT_EQ(sweep(), 1);
  EXPECT_EQ(stores_.text_of(forgotten), std::nullopt);
  EXPECT_EQ(stores_.text_of(link), "linked");
}

TEST_P(CleanupTest, LeavesBodiesThatMayBeArriving) {
  const Session session = stores_.add_session(sessions_, caller_, "", 2h, 1h);
  const FileRecord arriving = stores_.add_file(session.id, "c", "arriving");
  stores_.write(store::Write::remove("files:" + session.id + ":" + arriving.id));
  EXPECT_EQ(sweep(false, all_young), 1);
  EXPECT_EQ(stores_.text_of(arriving), "arriving");
}

TEST_P(CleanupTest, ANameGoesWithItsSession) {
  const auto named = stores_.loop.run(sessions_.named("trip", caller_, ""));
  stores_.write(sessions_.writes_for(named.session));
  stores_.write(
      store::Write::set_fields("sessions:" + named.session.id, {{"expires_at", "2026-01-09T10:20:55+00:00"}}));
  EXPECT_EQ(sweep(), 1);
  EXPECT_EQ(stores_.loop.run(stores_.records->get("session_names:" + named.digest)), std::nullopt);
}

TEST_P(CleanupTest, OneThatCannotBeRemovedDoesNotKeepTheOthers) {
  std::vector<FileRecord> files;
  for (int i = 0; i < 3; ++i)
    files.push_back(stores_.add_file(stores_.add_session(sessions_, caller_, "", 2h, 1h).id, "a", "x"));
  store::testing::HookedBodies stuck(*stores_.bodies);
  stuck.before = [key = files[1].object_key](std::string operation, std::string wanted) -> awaitable<void> {
    if (operation == "remove" && wanted == key) throw Failure(FailureKind::unavailable, "stuck");
    co_return;
  };
  SessionFiles through(*stores_.records, stuck);
  Cleanup cleanup(*stores_.records, stuck, through, CleanupSettings());
  EXPECT_EQ(stores_.loop.run(cleanup.sweep()), 2);
  EXPECT_THAT(members("sessions:index"), ::testing::ElementsAre(files[1].session));
  EXPECT_EQ(sweep(), 1);
  for (const FileRecord& file : files) EXPECT_EQ(stores_.text_of(file), std::nullopt);
}

TEST_P(CleanupTest, ASessionThatCameBackDuringTheSweepStays) {
  std::vector<Session> ended;
  for (int i = 0; i < 2; ++i) ended.push_back(stores_.add_session(sessions_, caller_, "", 2h, 1h));
  Cleanup cleanup(*stores_.records, *stores_.bodies, stores_.files, CleanupSettings());
  cleanup.on_removal([&](std::string gone) -> awaitable<void> {
    Session other = ended[ended[0].id == gone ? 1 : 0];
    other.expires.reset();
    std::vector<store::Write> writes = sessions_.writes_for(other);
    co_await stores_.records->write(std::move(writes));
  });
  EXPECT_EQ(stores_.loop.run(cleanup.sweep()), 1);
  EXPECT_THAT(members("sessions:index"), ::testing::SizeIs(1));
}

// As a client does that uploads a state for an expired session: in the turn that the clean-up waits for.
TEST_P(CleanupTest, ASessionThatComesBackWhileTheCleanUpWaitsForItsTurnKeepsEverything) {
  const Session ended = stores_.add_session(sessions_, caller_, "", 2h, 1h);
  const FileRecord file = stores_.add_file(ended.id, "a", "kept");
  Cleanup cleanup(*stores_.records, *stores_.bodies, stores_.files, CleanupSettings());
  int forgotten = 0;
  cleanup.on_removal([&](std::string) -> awaitable<void> {
    ++forgotten;
    co_return;
  });
  cleanup.run_in_turn([&](std::string session, Cleanup::Work work) -> awaitable<void> {
    EXPECT_EQ(session, ended.id);
    Session again = ended;
    again.expires.reset();
    std::vector<store::Write> writes = sessions_.writes_for(again);
    co_await stores_.records->write(std::move(writes));
    co_await work();
  });
  EXPECT_EQ(stores_.loop.run(cleanup.sweep()), 0);
  EXPECT_EQ(forgotten, 0);
  EXPECT_EQ(stores_.text_of(file), "kept");
  EXPECT_THAT(members("sessions:index"), ::testing::ElementsAre(ended.id));
  EXPECT_THAT(members("session_files:" + ended.id), ::testing::SizeIs(1));
}

TEST_P(CleanupTest, ASessionThatComesBackRightAfterItsTurnStaysOnTheList) {
  const Session ended = stores_.add_session(sessions_, caller_, "", 2h, 1h);
  const FileRecord old = stores_.add_file(ended.id, "a", "old");
  std::optional<FileRecord> added;
  Cleanup cleanup(*stores_.records, *stores_.bodies, stores_.files, CleanupSettings());
  cleanup.run_in_turn([&](std::string, Cleanup::Work work) -> awaitable<void> {
    co_await work();
    Session again = ended;
    again.expires.reset();
    FileRecord record(*RelativePath::parse("new"));
    record.session = ended.id;
    StringSource body("new");
    added = co_await stores_.files.store_body(std::move(record), body, 100);
    std::vector<store::Write> writes = sessions_.writes_for(again);
    std::ranges::move(stores_.files.writes_for(*added), std::back_inserter(writes));
    co_await stores_.records->write(std::move(writes));
  });
  stores_.loop.run(cleanup.sweep());
  EXPECT_EQ(stores_.text_of(old), std::nullopt);
  EXPECT_EQ(stores_.text_of(*added), "new");
  EXPECT_THAT(members("sessions:index"), ::testing::ElementsAre(ended.id));
  EXPECT_THAT(members("session_files:" + ended.id), ::testing::ElementsAre(added->id));
}

TEST_P(CleanupTest, OneReplicaSweepsAndOnlyWhenSomethingMayHaveExpired) {
  store::testing::HookedRecords counting(*stores_.records);
  int looks = 0;
  counting.before = [&](std::string operation, std::string key) -> awaitable<void> {
    if (operation == "scan_members" && key == "sessions:index") ++looks;
    co_return;
  };
  Cleanup first(counting, *stores_.bodies, stores_.files, CleanupSettings());
  Cleanup second(counting, *stores_.bodies, stores_.files, CleanupSettings());
  const auto sweep = [&](Cleanup& cleanup) { return stores_.loop.run(cleanup.sweep_if_due(10min)); };
  const auto next_interval = [&] { stores_.write(store::Write::remove("sessions.cleanup:lease")); };
  stores_.add_session(sessions_, caller_, "", 2h, 1h);
  EXPECT_EQ(sweep(first) + sweep(second), 1);
  EXPECT_EQ(looks, 1);
  // Nothing that is left expires.
  next_interval();
  EXPECT_EQ(sweep(first), 0);
  EXPECT_EQ(looks, 1);
  // One that came since with another process, which looks once by itself; then everybody knows when the next one ends.
  const Session ends = stores_.add_session(sessions_, caller_, "", 0s, -1h);
  EXPECT_EQ(sweep(second), 0);
  EXPECT_EQ(looks, 2);
  next_interval();
  EXPECT_EQ(sweep(first), 0);
  EXPECT_EQ(looks, 2);
  stores_.write(store::Write::set_fields("sessions:" + ends.id, {{"expires_at", "2026-01-09T10:20:55+00:00"}}));
  stores_.write(store::Write::set("sessions.cleanup:next", "2026-01-09T10:20:55+00:00"));
  next_interval();
  EXPECT_EQ(sweep(first), 1);
}

}  // namespace
}  // namespace ci::files
