#include "store/sqlite/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>

#include "store/sqlite/records.h"
#include "store/testing/crash.h"
#include "store/testing/key_value_suite.h"

namespace ci::store::sqlite {
namespace {

using testing::Loop;
using testing::TemporaryDirectory;

struct FakeClock {
  std::shared_ptr<std::atomic<std::int64_t>> milliseconds =
      std::make_shared<std::atomic<std::int64_t>>(1'800'000'000'000);

  Options options() const {
    Options options;
    options.now = [time = milliseconds] {
      return std::chrono::system_clock::time_point(std::chrono::milliseconds(time->load()));
    };
    options.busy_timeout = std::chrono::milliseconds(50);
    options.purge_interval = std::chrono::seconds(0);
    return options;
  }
};

class Harness {
 public:
  static constexpr bool all_or_nothing = true;
  static constexpr bool counts_in_one_step = true;
  KeyValueStore& store() { return store_; }
  Loop& loop() { return loop_; }
  void advance(std::chrono::milliseconds time) { *clock_.milliseconds += time.count(); }

 private:
  TemporaryDirectory directory_;
  FakeClock clock_;
  Loop loop_;
  SqliteStore store_{directory_.path(), loop_.pool(), clock_.options()};
};

}  // namespace
}  // namespace ci::store::sqlite

namespace ci::store::testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, KeyValueSuite, sqlite::Harness);
}  // namespace ci::store::testing

namespace ci::store::sqlite {
namespace {

std::vector<Write> one(Write write) {
  std::vector<Write> writes;
  writes.push_back(std::move(write));
  return writes;
}

std::int64_t count_rows(const std::filesystem::path& directory) {
  Database database(directory / "records.sqlite3", std::chrono::milliseconds(1000));
  Statement statement(database, "SELECT count(*) FROM records");
  Query query(statement);
  query.next();
  return query.integer_at(0);
}

TEST(Fields, SurviveTheirEncoding) {
  const Fields odd{{"a", ""}, {"", "b"}, {std::string("\0,:9", 4), "12:3,"}, {"a", "again"}};
  EXPECT_EQ(decode_fields(encode_fields(odd)), odd);
  EXPECT_EQ(encode_fields({{"file_name", "a.txt"}}), "9:file_name,5:a.txt,");
  EXPECT_EQ(decode_fields(""), Fields{});
}

TEST(Fields, RefuseWhatIsCutOrChanged) {
  for (const char* bad :
       {"1", "1:", "1:a", "1:a,", "1:a,1:b", "1:a,1:bb", "2:a,1:b,", ":a,1:b,", "-1:a,1:b,", "x:a,1:b,",
        "99999999999999999999:a,1:b,", "18446744073709551615:a,1:b,", "1:a;1:b,"}) {
    EXPECT_FALSE(decode_fields(bad)) << bad;
  }
}

TEST(SqliteStore, SharesACommitAmongWritesThatArriveTogether) {
  TemporaryDirectory directory;
  Loop loop;
  SqliteStore store(directory.path(), loop.pool(), Options());
  std::vector<awaitable<void>> works;
  for (int i = 0; i < 200; ++i) works.push_back(store.write(one(Write::set("k" + std::to_string(i), "1"))));
  for (const auto& failure : loop.run_together(std::move(works))) EXPECT_EQ(failure, nullptr);
  EXPECT_EQ(store.counts().operations, 200u);
  // The first few may find the writer idle; all that come while it waits for the disk go together.
  EXPECT_LT(store.counts().commits, 50u);
  EXPECT_EQ(count_rows(directory.path()), 200);
}

TEST(SqliteStore, KeepsEverythingForTheNextProcess) {
  TemporaryDirectory directory;
  Loop loop;
  {
    SqliteStore store(directory.path(), loop.pool(), Options());
    loop.run(store.write(one(Write::set_fields("h", {{"a", "1"}}))));
  }
  SqliteStore store(directory.path(), loop.pool(), Options());
  EXPECT_EQ(loop.run(store.get_fields("h")), (Fields{{"a", "1"}}));
}

TEST(SqliteStore, MayGoWhileItsLastCommitRuns) {
  TemporaryDirectory directory;
  Loop loop;
  const auto write_and_drop = [](const std::filesystem::path& path, asio::thread_pool& pool) -> awaitable<void> {
    auto store = std::make_unique<SqliteStore>(path, pool, Options());
    auto writes = one(Write::set("k", "1"));
    co_await store->write(std::move(writes));
  };
  loop.run(write_and_drop(directory.path(), loop.pool()));
  EXPECT_EQ(count_rows(directory.path()), 1);
}

TEST(SqliteStore, KeepsWhatItAcknowledgedWhenKilled) {
  TemporaryDirectory directory;
  const auto work = [&](const std::function<void(std::int64_t)>& acknowledge) {
    Loop loop;
    SqliteStore store(directory.path(), loop.pool(), Options());
    for (std::int64_t i = 0;; ++i) {
      std::vector<Write> writes = one(Write::set("a:" + std::to_string(i), "1"));
      writes.push_back(Write::set_fields("b:" + std::to_string(i), {{"n", std::to_string(i)}}));
      loop.run(store.write(std::move(writes)));
      acknowledge(i);
    }
  };
  const std::int64_t last = testing::kill_after(300, work);
  ASSERT_GE(last, 299);
  Loop loop;
  SqliteStore store(directory.path(), loop.pool(), Options());
  for (std::int64_t i = 0; i <= last; ++i) {
    ASSERT_TRUE(loop.run(store.get("a:" + std::to_string(i)))) << i;
    ASSERT_TRUE(loop.run(store.get_fields("b:" + std::to_string(i)))) << i;
  }
  // Of a batch that was under way, all or nothing.
  const std::string next = std::to_string(last + 1);
  EXPECT_EQ(loop.run(store.get("a:" + next)).has_value(), loop.run(store.get_fields("b:" + next)).has_value());
}

TEST(SqliteStore, PurgesWhatExpired) {
  TemporaryDirectory directory;
  FakeClock clock;
  Loop loop;
  SqliteStore store(directory.path(), loop.pool(), clock.options());
  for (int i = 0; i < 20; ++i) {
    loop.run(store.write(one(Write::set(std::to_string(i), "1", std::chrono::milliseconds(1000)))));
  }
  EXPECT_EQ(count_rows(directory.path()), 20);
  *clock.milliseconds += 2000;
  loop.run(store.write(one(Write::set("stays", "1"))));
  loop.run(store.write(one(Write::set("stays", "2"))));  // comes after the purge that followed the first
  EXPECT_EQ(count_rows(directory.path()), 1);
}

TEST(SqliteStore, CopiesTheLogBackNowAndThen) {
  TemporaryDirectory directory;
  Loop loop;
  SqliteStore store(directory.path(), loop.pool(), Options());
  const std::string value(40000, 'x');
  for (int i = 0; i < 400; ++i) loop.run(store.write(one(Write::set("k" + std::to_string(i % 10), value))));
  EXPECT_LT(std::filesystem::file_size(directory.path() / "records.sqlite3-wal"), 12u << 20);
}

TEST(SqliteStore, NamesTheFileThatIsNoDatabase) {
  TemporaryDirectory directory;
  std::ofstream(directory.path() / "records.sqlite3") << std::string(5000, 'x');
  Loop loop;
  try {
    SqliteStore store(directory.path(), loop.pool(), Options());
    FAIL() << "opened it";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::internal);
    EXPECT_THAT(failure.what(), ::testing::HasSubstr((directory.path() / "records.sqlite3").string()));
    EXPECT_THAT(failure.what(), ::testing::HasSubstr("damaged"));
  }
}

TEST(SqliteStore, SaysThatPagesAreDamaged) {
  TemporaryDirectory directory;
  {
    Loop loop;  // its pool's last work closes the database, which moves the log into the file
    SqliteStore store(directory.path(), loop.pool(), Options());
    for (int i = 0; i < 300; ++i)
      loop.run(store.write(one(Write::set("k" + std::to_string(i), std::string(500, 'x')))));
  }
  {
    std::fstream file(directory.path() / "records.sqlite3", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    for (int i = 0; i < 30; ++i) file << std::string(4096, '\x5a');
  }
  Loop loop;
  const auto use = [&] {
    SqliteStore store(directory.path(), loop.pool(), Options());
    for (int i = 0; i < 300; ++i) loop.run(store.get("k" + std::to_string(i)));
  };
  try {
    use();
    FAIL() << "read it";
  } catch (const Failure& failure) {
    EXPECT_THAT(failure.what(), ::testing::HasSubstr("damaged"));
  }
}

TEST(SqliteStore, ALockedDatabaseIsUnavailableAndThenAvailable) {
  TemporaryDirectory directory;
  Loop loop;
  FakeClock clock;
  SqliteStore store(directory.path(), loop.pool(), clock.options());
  Database other(directory.path() / "records.sqlite3", std::chrono::milliseconds(1000));
  other.execute("BEGIN IMMEDIATE");
  try {
    loop.run(store.write(one(Write::set("k", "1"))));
    FAIL() << "wrote";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::unavailable);
    EXPECT_THAT(failure.what(), ::testing::HasSubstr("records.sqlite3"));
  }
  other.execute("ROLLBACK");
  loop.run(store.write(one(Write::set("k", "2"))));
  EXPECT_EQ(loop.run(store.get("k")), "2");
}

TEST(SqliteStore, RefusesTheLayoutOfALaterVersion) {
  TemporaryDirectory directory;
  Database(directory.path() / "records.sqlite3", std::chrono::milliseconds(1000)).execute("PRAGMA user_version=7");
  Loop loop;
  EXPECT_THROW(SqliteStore(directory.path(), loop.pool(), Options()), Failure);
}

}  // namespace
}  // namespace ci::store::sqlite
