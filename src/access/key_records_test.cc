#include "access/key_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "access/key_ring.h"
#include "access/rate_limiter.h"
#include "store/testing/loop.h"
#include "store/testing/stores.h"

namespace ci::access {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;
using store::Write;
using store::testing::Backend;
using store::testing::failure_of;

class KeysTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (const std::string missing = store::testing::lacks(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
  }

  template <class T>
  T run(awaitable<T> work) {
    return loop_.run(std::move(work));
  }
  void write(Write one) {
    std::vector<Write> writes;
    writes.push_back(std::move(one));
    run(store_->write(std::move(writes)));
  }
  KeyRecords::Created create(const char* name, RateLimits limits = {}) {
    KeyChange wanted;
    wanted.name = name;
    wanted.limits = limits;
    return run(keys_.create(std::move(wanted)));
  }
  std::optional<RateRefusal> admit(RateLimiter& limiter, const KeyRecord& record, system_clock::time_point now) {
    return run(limiter.admit(record.hash, record.limits, now));
  }

  store::testing::Loop loop_;
  store::testing::Backends backends_{store::testing::lacks(GetParam()).empty() ? GetParam() : Backend::embedded};
  std::unique_ptr<store::KeyValueStore> store_ = backends_.open_records(loop_);
  KeyRecords keys_{*store_};
};

RateLimits limit(Period period, std::int64_t most) {
  RateLimits limits;
  limits[period] = most;
  return limits;
}

TEST_P(KeysTest, ANewKeyIsFoundByItsTextItsHashAndItsBeginning) {
  const auto created = create("team a", limit(Period::hour, 100));
  EXPECT_THAT(created.key, ::testing::MatchesRegex("sk-[A-Za-z0-9_-]{32}"));
  EXPECT_EQ(created.record.prefix, created.key.substr(0, 11));
  const auto record = run(keys_.find(hash_of_key(created.key)));
  ASSERT_TRUE(record);
  EXPECT_EQ(record->name, "team a");
  EXPECT_TRUE(record->enabled);
  EXPECT_EQ(record->limits, limit(Period::hour, 100));
  EXPECT_FALSE(record->of_environment);
  for (const std::string& id :
       {created.record.hash, created.record.short_hash() + "...", created.record.prefix, created.key}) {
    EXPECT_EQ(run(keys_.find_by_id(id))->hash, created.record.hash) << id;
  }
  EXPECT_FALSE(run(keys_.find_by_id("sk-")));
  EXPECT_FALSE(run(keys_.find(hash_of_key("another"))));
}

// What KubeCodeRun's own tool writes, and what it expects to find.
TEST_P(KeysTest, RecordsHaveTheFieldsOfTheReference) {
  const auto created = create("x", limit(Period::day, 5));
  const auto fields = run(store_->get_fields("api_keys:records:" + created.record.hash));
  ASSERT_TRUE(fields);
  for (const char* name :
       {"key_hash", "key_prefix", "name", "created_at", "enabled", "rate_limits_per_second", "rate_limits_per_minute",
        "rate_limits_hourly", "rate_limits_daily", "rate_limits_monthly", "metadata", "last_used_at", "usage_count",
        "source"}) {
    EXPECT_THAT(*fields, ::testing::Contains(::testing::Pair(name, ::testing::_)));
  }
  EXPECT_THAT(
      *fields, ::testing::IsSupersetOf(
                   {std::pair("rate_limits_daily", "5"), std::pair("rate_limits_hourly", ""),
                    std::pair("enabled", "true"), std::pair("source", "managed")}));
  EXPECT_THAT(run(store_->members("api_keys:index")), ::testing::ElementsAre(created.record.hash));

  const std::string foreign = hash_of_key("sk-made-by-another-tool");
  store::Fields theirs = {{"key_hash", foreign},      {"key_prefix", "sk-made-by-"},
                          {"name", "theirs"},         {"created_at", "2026-01-09T10:20:55.101000+00:00"},
                          {"enabled", "true"},        {"rate_limits_hourly", "7"},
                          {"rate_limits_daily", "0"}, {"usage_count", "3"},
                          {"source", "managed"}};
  write(Write::set_fields("api_keys:records:" + foreign, std::move(theirs)));
  write(Write::add_member("api_keys:index", foreign));
  const auto record = run(keys_.find(foreign));
  ASSERT_TRUE(record && record->enabled);
  EXPECT_EQ(record->limits, limit(Period::hour, 7));  // 0 means none
  EXPECT_EQ(record->uses, 3);
  EXPECT_EQ(run(keys_.list()).size(), 2u);
}

TEST_P(KeysTest, AChangeTouchesOnlyWhatItNames) {
  const auto created = create("before", limit(Period::hour, 100));
  KeyChange pause;
  pause.enabled = false;
  EXPECT_TRUE(run(keys_.update(created.record.hash, pause)));
  auto record = run(keys_.find(created.record.hash));
  EXPECT_FALSE(record->enabled);
  EXPECT_EQ(record->name, "before");
  EXPECT_EQ(record->limits, limit(Period::hour, 100));
  KeyChange limits;
  limits.limits = limit(Period::second, 2);
  EXPECT_TRUE(run(keys_.update(created.record.hash, limits)));
  record = run(keys_.find(created.record.hash));
  EXPECT_FALSE(record->enabled);
  EXPECT_EQ(record->limits, limit(Period::second, 2));
  EXPECT_FALSE(run(keys_.update(hash_of_key("none"), pause)));
  EXPECT_TRUE(run(keys_.revoke(created.record.hash)));
  EXPECT_FALSE(run(keys_.find(created.record.hash)));
  EXPECT_FALSE(run(keys_.revoke(created.record.hash)));
  EXPECT_TRUE(run(keys_.list()).empty());
}

TEST_P(KeysTest, KeysOfTheEnvironmentAreShownAndGoWithIt) {
  run(keys_.show_environment({"first-key-of-sixteen", "second-key-of-sixteen"}));
  auto all = run(keys_.list());
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].name, "Environment Key (API_KEY)");
  EXPECT_EQ(all[1].name, "Environment Key (API_KEYS #1)");
  KeyChange pause;
  pause.enabled = false;
  EXPECT_EQ(failure_of([&] { run(keys_.update(all[0].hash, pause)); }), FailureKind::invalid);
  EXPECT_EQ(failure_of([&] { run(keys_.revoke(all[0].hash)); }), FailureKind::invalid);
  // The record does not make it a key.
  KeyRing ring(keys_);
  EXPECT_FALSE(run(ring.find("first-key-of-sixteen")));
  run(keys_.show_environment({"second-key-of-sixteen"}));
  all = run(keys_.list());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].hash, hash_of_key("second-key-of-sixteen"));
}

TEST_P(KeysTest, ARevokedKeyIsForgottenAtOnceHereAndElsewhereSoon) {
  const auto created = create("x");
  KeyRing here(keys_), elsewhere(keys_);
  EXPECT_TRUE(run(here.find(created.key)));
  EXPECT_TRUE(run(elsewhere.find(created.key)));
  EXPECT_FALSE(run(here.find("sk-unknown")));
  write(Write::set("api_keys:valid:" + created.record.short_hash(), "1", 300s));  // another program remembers it
  run(keys_.revoke(created.record.hash));
  here.forget(created.record.hash);
  EXPECT_FALSE(run(here.find(created.key)));
  EXPECT_FALSE(run(store_->get("api_keys:valid:" + created.record.short_hash())));
  while (run(elsewhere.find(created.key))) {  // ends by itself: what it remembers has an end
  }
}

TEST_P(KeysTest, EveryPeriodIsEnforcedAndTheFirstThatIsReachedIsNamed) {
  const auto now = system_clock::now();
  for (const Period period : all_periods) {
    SCOPED_TRACE(name_of(period));
    const auto created = create("x", limit(period, 2));
    RateLimiter one(*store_), another(*store_);
    EXPECT_FALSE(admit(one, created.record, now));
    EXPECT_FALSE(admit(another, created.record, now));
    const auto refusal = admit(one, created.record, now);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->period, period);
    EXPECT_EQ(refusal->limit, 2);
    EXPECT_EQ(refusal->used, 2);
    EXPECT_GT(refusal->reset, now);
    EXPECT_GE(refusal->wait, 1s);
    EXPECT_LE(refusal->wait, 31 * 24h);
    // The next of these periods has room again.
    EXPECT_FALSE(admit(another, created.record, refusal->reset));
  }
}

TEST_P(KeysTest, UsesOfAKeyWithoutLimitsAreWrittenTogether) {
  const auto created = create("x");
  const auto now = system_clock::now();
  RateLimiter limiter(*store_);
  for (int i = 0; i < 5; ++i) {
    limiter.note_use(created.record.hash, now);
    EXPECT_FALSE(admit(limiter, created.record, now));
  }
  EXPECT_EQ(run(keys_.find(created.record.hash))->uses, 0);
  run(limiter.flush());
  const auto record = run(keys_.find(created.record.hash));
  EXPECT_EQ(record->uses, 5);
  ASSERT_TRUE(record->last_used);
  EXPECT_THAT(run(usage_of(*store_, record->short_hash(), now)), ::testing::Each(5));
  run(limiter.flush());
  EXPECT_EQ(run(keys_.find(created.record.hash))->uses, 5);
  // Of a key that was revoked meanwhile nothing comes back.
  limiter.note_use(created.record.hash, now);
  run(keys_.revoke(created.record.hash));
  run(limiter.flush());
  EXPECT_FALSE(run(keys_.find(created.record.hash)));
}

TEST_P(KeysTest, WhatWasUsedBeforeThereWasALimitCounts) {
  const auto created = create("x");
  const auto now = system_clock::now();
  RateLimiter limiter(*store_);
  EXPECT_FALSE(admit(limiter, created.record, now));
  auto limited = created.record;
  limited.limits[Period::day] = 2;
  EXPECT_FALSE(admit(limiter, limited, now));
  const auto refusal = admit(limiter, limited, now);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->used, 2);
}

TEST(Windows, HaveTheNamesOfTheReferenceAndEndWhereTheNextBegins) {
  const auto time = std::chrono::sys_days(std::chrono::year(2026) / 12 / 31) + 23h + 59min + 58s + 250ms;
  EXPECT_EQ(window_at(Period::second, time).name, "second:2026-12-31-23:59:58");
  EXPECT_EQ(window_at(Period::minute, time).name, "minute:2026-12-31-23:59");
  EXPECT_EQ(window_at(Period::hour, time).name, "hour:2026-12-31-23");
  EXPECT_EQ(window_at(Period::day, time).name, "day:2026-12-31");
  EXPECT_EQ(window_at(Period::month, time).name, "month:2026-12");
  const system_clock::time_point year = std::chrono::sys_days(std::chrono::year(2027) / 1 / 1);
  EXPECT_EQ(window_at(Period::month, time).end, year);
  EXPECT_EQ(window_at(Period::day, time).end, year);
  EXPECT_EQ(window_at(Period::second, time).end, year - 1s);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, KeysTest, ::testing::Values(Backend::embedded, Backend::redis_and_disk),
    [](const auto& each) { return name_of(each.param); });

}  // namespace
}  // namespace ci::access
