#include "metrics/history.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/buckets.h"
#include "metrics/history_writer.h"
#include "metrics/memory_history.h"
#include "metrics/shared_history.h"
#include "metrics/sqlite_history.h"
#include "store/sqlite/database.h"
#include "store/testing/loop.h"
#include "store/testing/stores.h"

namespace ci::metrics {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::system_clock;
using store::testing::Backend;

enum class Kind { sqlite, shared_on_sqlite, shared_on_redis, memory };

class HistoryTest : public ::testing::TestWithParam<Kind> {
 protected:
  static Backend backend() { return GetParam() == Kind::shared_on_redis ? Backend::redis_and_disk : Backend::embedded; }

  void SetUp() override {
    if (const std::string missing = store::testing::lacks(backend()); !missing.empty()) GTEST_SKIP() << missing;
    backends_.emplace(backend());
    store_ = backends_->open_records(loop_);
    history_ = open();
  }

  std::unique_ptr<History> open() {
    if (GetParam() == Kind::sqlite)
      return open_sqlite_history(directory_.path() / "metrics.db", loop_.pool(), Retention());
    if (GetParam() == Kind::memory) return open_memory_history();
    return open_shared_history(*store_, Retention());
  }
  void add(std::vector<RunRecord> runs) {
    History::Batch batch;
    for (const RunRecord& run : runs) count(batch.counts[std::chrono::floor<std::chrono::hours>(run.begin)], run);
    batch.runs = std::move(runs);
    loop_.run(history_->add(std::move(batch)));
  }
  Cells cells(Span span, std::string key = "", By by = By::key | By::language) {
    return loop_.run(history_->cells(span, std::move(key), by));
  }

  store::testing::Loop loop_;
  store::testing::TemporaryDirectory directory_;
  std::optional<store::testing::Backends> backends_;
  std::unique_ptr<store::KeyValueStore> store_;
  std::unique_ptr<History> history_;
};

const system_clock::time_point today = std::chrono::floor<std::chrono::days>(system_clock::now());

RunRecord run(std::string id, system_clock::time_point begin, std::string key = "aaaa", std::string language = "py") {
  RunRecord record;
  record.id = std::move(id);
  record.begin = begin;
  record.key = std::move(key);
  record.language = std::move(language);
  record.outcome = "exited";
  record.total_time = 10ms;
  record.sandbox = Found::warm;
  return record;
}

TEST_P(HistoryTest, AddsUpByHourKeyAndLanguage) {
  std::vector<RunRecord> runs = {run("1", today - 90min), run("2", today - 70min), run("3", today - 30min)};
  runs.push_back(run("4", today - 30min, "bbbb", "js"));
  runs[1].exit_code = 1;
  runs[2].outcome = "timed_out";
  runs[3].outcome = "out_of_memory";
  runs[3].sandbox = Found::made;
  add(runs);
  const Cells all = cells({today - 24h, today});
  EXPECT_EQ(all.size(), 2u);
  const Totals sum = sum_of(all);
  EXPECT_EQ(sum.runs, 4);
  EXPECT_EQ(sum.succeeded, 1);
  EXPECT_EQ(sum.failed, 2);
  EXPECT_EQ(sum.timed_out, 1);
  EXPECT_EQ(sum.average_time_ms(), 10);
  EXPECT_EQ(sum.success_rate(), 25);
  EXPECT_EQ(sum.warm_rate(), 75);
  EXPECT_EQ(by_language(all).at("py").runs, 3);
  EXPECT_EQ(by_key(all).at("bbbb").runs, 1);
  EXPECT_EQ(languages_of_keys(all).at("py").at("aaaa"), 3);
  const Cells hours = cells({today - 24h, today}, "", By::hour);
  EXPECT_EQ(hours.size(), 2u);
  EXPECT_EQ(by_hour(hours).size(), 2u);
  EXPECT_EQ(by_day(hours).size(), 1u);
  EXPECT_EQ(sum_of(cells({today - 24h, today}, "bbbb", By::hour)).runs, 1);
  EXPECT_EQ(cells({today - 24h, today}, "", By::nothing).size(), 1u);
  EXPECT_EQ(sum_of(cells({today - 24h, today}, "aaaa")).runs, 3);
  EXPECT_EQ(sum_of(cells({today - 24h, today}, "none")).runs, 0);
  EXPECT_EQ(sum_of(cells({today - 1h, today})).runs, 2);
  EXPECT_TRUE(cells({today, today + 1h}).empty());
}

TEST_P(HistoryTest, IsThereAfterARestartAndGrowsOn) {
  if (GetParam() == Kind::memory) GTEST_SKIP() << "gone when the server stops";
  add({run("1", today)});
  history_ = open();
  add({run("2", today + 1min)});
  EXPECT_EQ(sum_of(cells({today, today + 1h})).runs, 2);
}

TEST_P(HistoryTest, ForgetsWhatIsOlderThanItsRetention) {
  add({run("old", today - 24h * 400), run("new", today)});
  loop_.run(history_->prune(system_clock::now()));
  const Span ever = {today - 24h * 500, today + 1h};
  EXPECT_EQ(sum_of(cells(ever)).runs, 1);
}

TEST(Totals, AWeekIsAPatternOfDaysAndHours) {
  Cell monday;
  monday.hour = sys_days(std::chrono::year(2026) / 1 / 5) + 13h;
  monday.totals.runs = 2;
  Cell sunday = monday;
  sunday.hour += 24h * 6 - 13h;
  const auto counts = by_weekday_and_hour({monday, sunday, sunday});
  EXPECT_EQ(counts[0][13], 2);
  EXPECT_EQ(counts[6][0], 4);
}

TEST_P(HistoryTest, CountsByTheHourAndSinceEver) {
  add({run("1", today - 30min), run("2", today + 1min), run("3", today + 2min)});
  const auto hours = loop_.run(history_->counts({today - 1h, today + 1h}));
  ASSERT_EQ(hours.size(), 2u);
  EXPECT_EQ(value_of(hours.at(std::chrono::floor<std::chrono::hours>(today)), "runs"), 2);
  const Counts all = loop_.run(history_->all_counts());
  EXPECT_EQ(value_of(all, "runs succeeded"), 3);
  EXPECT_EQ(group_of(all, "language"), (Counts{{"py", 3}}));
  const auto buckets = buckets_of(all, "run time", latency_bounds.size() + 1);
  EXPECT_EQ(buckets[bucket_of(latency_bounds, 0.01)], 3u);
}

// Whole days and the hours around them are in different places of a shared store.
TEST_P(HistoryTest, SumsOverDaysAreThoseOfTheirHours) {
  std::vector<RunRecord> runs;
  for (int i = 0; i < 100; ++i) runs.push_back(run(std::to_string(i), today - 1h * i, i % 3 == 0 ? "aaaa" : "bbbb"));
  add(std::move(runs));
  for (const int hours : {1, 5, 23, 24, 25, 49, 80}) {
    const Span span = {today - 1h * hours, today};
    EXPECT_EQ(sum_of(cells(span)).runs, hours) << hours;
    EXPECT_EQ(sum_of(cells(span, "", By::hour)).runs, hours) << hours;
    EXPECT_EQ(sum_of(cells(span, "aaaa")).runs, sum_of(cells(span, "aaaa", By::hour)).runs) << hours;
  }
}

// A month of a busy server: a million runs, by ten keys in ten languages. What the dashboard asks must not keep people waiting; the best
// of several tries counts, since the machine may be busy with other things.
TEST_P(HistoryTest, AMillionRunsAreSummedUpWhileSomebodyLooks) {
  const std::array languages = {"py", "js", "ts", "go", "java", "c", "cpp", "php", "rs", "bash"};
  constexpr int hours = 24 * 30, runs_of_cell = 14;
  for (int hour = 0; hour < hours; ++hour) {
    History::Batch batch;
    const auto when = today - 1h * hour;
    for (int key = 0; key < 10; ++key) {
      for (const char* language : languages) {
        RunRecord one = run(fmt::format("{} {} {}", hour, key, language), when, fmt::format("key{}", key), language);
        for (int i = 0; i < runs_of_cell; ++i) batch.runs.push_back(one);
      }
    }
    // Single runs would be the same ones again: it is sums that are looked at.
    loop_.run(history_->add(std::move(batch)));
  }
  const Span month = {today - 1h * (hours - 1), today + 1h};
  const auto quickest = [&](const std::string& key, By by, std::int64_t runs) {
    auto best = std::chrono::steady_clock::duration::max();
    for (int attempt = 0; attempt < 5; ++attempt) {
      const auto begin = std::chrono::steady_clock::now();
      const Cells found = cells(month, key, by);
      best = std::min(best, std::chrono::steady_clock::now() - begin);
      EXPECT_EQ(sum_of(found).runs, runs);
    }
    return best;
  };
  constexpr std::int64_t all = std::int64_t{hours} * 100 * runs_of_cell;
  static_assert(all > 1'000'000);
  EXPECT_LT(quickest("", By::nothing, all), 150ms);
  EXPECT_LT(quickest("", By::key | By::language, all), 150ms);
  EXPECT_LT(quickest("", By::hour, all), 150ms);
  EXPECT_LT(quickest("key3", By::language, all / 10), 150ms);
}

TEST(SqliteHistory, AddsUpWhatItsFirstLayoutHadByHoursAlone) {
  store::testing::Loop loop;
  store::testing::TemporaryDirectory directory;
  const auto file = directory.path() / "metrics.db";
  const auto open = [&] { return open_sqlite_history(file, loop.pool(), Retention()); };
  History::Batch batch;
  for (int hour = 0; hour < 100; ++hour)
    batch.runs.push_back(run(std::to_string(hour), today - 1h * hour, hour % 2 ? "aaaa" : "bbbb"));
  loop.run(open()->add(batch));
  {
    store::sqlite::Database database(file, 5s);
    database.execute("DROP TABLE daily_sums; DROP TABLE hourly_activity; PRAGMA user_version=1");
  }
  const auto history = open();
  const Span span = {today - 90h, today};
  EXPECT_EQ(sum_of(loop.run(history->cells(span, "", By::language))).runs, 90);
  EXPECT_EQ(sum_of(loop.run(history->cells(span, "aaaa", By::hour))).runs, 45);
  loop.run(history->add(batch));  // on top of these
  EXPECT_EQ(sum_of(loop.run(history->cells(span, "", By::key))).runs, 180);
}

class NoPool final : public pool::SandboxPool {
 public:
  awaitable<std::unique_ptr<pool::Lease>> acquire(pool::Demand, Deadline) override { co_return nullptr; }
  awaitable<void> warm_up() override { co_return; }
  std::vector<std::string> languages() const override { return {}; }
  std::vector<std::string> package_sets() const override { return {}; }
  std::string unavailable() const override { return {}; }
  pool::PoolStatistics statistics() const override { return seen; }
  awaitable<void> stop() override { co_return; }
  pool::PoolStatistics seen;
};

class Flaky final : public History {
 public:
  awaitable<void> add(const Batch& batch) override {
    if (down) throw Failure(FailureKind::unavailable, "down");
    for (const auto& [hour, counts] : batch.counts) metrics::add(all, counts);
    runs += batch.runs.size();
    co_return;
  }
  awaitable<Cells> cells(Span, std::string, By) override { co_return Cells(); }
  awaitable<std::map<Hour, Counts>> counts(Span) override { co_return std::map<Hour, Counts>(); }
  awaitable<Counts> all_counts() override { co_return all; }
  awaitable<void> prune(system_clock::time_point) override { co_return; }
  bool down = true;
  std::size_t runs = 0;
  Counts all;
};

TEST(HistoryWriter, DropsRatherThanGrows) {
  store::testing::Loop loop;
  NoPool pool;
  Flaky history;
  HistoryWriter writer(history, pool, true);
  for (int i = 0; i < 30000; ++i) writer.record(run(std::to_string(i), today));
  EXPECT_EQ(writer.dropped(), 10000u);
  EXPECT_EQ(store::testing::failure_of([&] { loop.run(writer.flush()); }), FailureKind::unavailable);
  writer.record(run("x", today));
  EXPECT_EQ(writer.dropped(), 10001u);  // nothing was lost by the failed attempt, nor room made
  history.down = false;
  loop.run(writer.flush());
  EXPECT_EQ(history.runs, 20000u);
  EXPECT_EQ(value_of(history.all, "runs"), 30001);  // counted all the same
}

TEST(HistoryWriter, CountsWhatThePoolHasDoneSinceTheLastTime) {
  store::testing::Loop loop;
  NoPool pool;
  Flaky history;
  history.down = false;
  HistoryWriter writer(history, pool, true);
  pool.seen.acquisitions = 5;
  pool.seen.hits = 3;
  loop.run(writer.flush());
  pool.seen.acquisitions = 7;
  loop.run(writer.flush());
  loop.run(writer.flush());
  EXPECT_EQ(value_of(history.all, "pool acquisitions"), 7);
  EXPECT_EQ(value_of(history.all, "pool hits"), 3);
}

std::string name_of_kind(const ::testing::TestParamInfo<Kind>& info) {
  constexpr std::array names = {"Sqlite", "SharedOnSqlite", "SharedOnRedis", "Memory"};
  return names[static_cast<std::size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(
    Stores, HistoryTest, ::testing::Values(Kind::sqlite, Kind::shared_on_sqlite, Kind::shared_on_redis, Kind::memory),
    name_of_kind);

}  // namespace
}  // namespace ci::metrics
