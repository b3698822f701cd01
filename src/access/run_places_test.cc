#include "access/run_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing/hooked_stores.h"
#include "store/testing/stores.h"

namespace ci::access {
namespace {

using namespace std::chrono_literals;
using store::testing::Backend;
using Place = std::shared_ptr<RunPlaces::Place>;

const std::string key(64, 'a');

// Two replicas on one store.
class RunPlacesTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (const std::string missing = store::testing::lacks(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
  }
  void TearDown() override {
    loop_.run(one_.stop());
    loop_.run(other_.stop());
  }

  static RunPlacesSettings settings() {
    RunPlacesSettings settings;
    settings.shared = true;
    settings.lease = 600ms;
    settings.renewal = 50ms;
    return settings;
  }
  Place take(RunPlaces& places, std::int64_t most) { return loop_.run(places.take(key, most)); }
  // Whether there is a place before long.
  bool comes_to(RunPlaces& places, std::int64_t most) {
    for (const auto end = std::chrono::steady_clock::now() + 30s; std::chrono::steady_clock::now() < end;) {
      if (take(places, most)) return true;
      loop_.run(sleep_for(20ms));
    }
    return false;
  }

  store::testing::Loop loop_;
  store::testing::Backends backends_{store::testing::lacks(GetParam()).empty() ? GetParam() : Backend::embedded};
  std::unique_ptr<store::KeyValueStore> store_ = backends_.open_records(loop_);
  store::testing::HookedRecords hooked_{*store_};
  RunPlaces one_{loop_.executor(), *store_, settings()}, other_{loop_.executor(), hooked_, settings()};
};

TEST_P(RunPlacesTest, AreCountedTogether) {
  Place first = take(one_, 2), second = take(other_, 2);
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(take(one_, 2));
  EXPECT_FALSE(take(other_, 2));
  EXPECT_TRUE(take(one_, 3));
  EXPECT_TRUE(loop_.run(one_.take(std::string(64, 'b'), 1)));  // of another key
  first.reset();
  EXPECT_TRUE(comes_to(other_, 2));
}

TEST_P(RunPlacesTest, StayWhileTheRunGoesOnAndEndWithTheReplica) {
  Place held = take(one_, 1);
  loop_.run(sleep_for(1500ms));  // longer than a lease
  EXPECT_FALSE(take(other_, 1));
  {
    RunPlaces dies(loop_.executor(), *store_, settings());
    held.reset();
    Place lost;
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!lost && std::chrono::steady_clock::now() < end) lost = take(dies, 1);
    ASSERT_TRUE(lost);
    loop_.run(dies.stop());  // renews no more, and has given nothing back
    EXPECT_FALSE(take(other_, 1));
    EXPECT_TRUE(comes_to(other_, 1));
    lost.reset();
    loop_.run(dies.stop());
  }
}

TEST_P(RunPlacesTest, OneThatWasNotAnsweredIsGivenBack) {
  hooked_.after = [](std::string operation, std::string) -> awaitable<void> {
    if (operation == "take_place") throw Failure(FailureKind::unavailable, "the connection was lost");
    co_return;
  };
  EXPECT_EQ(store::testing::failure_of([&] { take(other_, 1); }), FailureKind::unavailable);
  hooked_.after = {};
  EXPECT_TRUE(comes_to(one_, 1));
}

TEST_P(RunPlacesTest, AloneNobodyIsAsked) {
  hooked_.before = [](std::string operation, std::string) -> awaitable<void> {
    ADD_FAILURE() << operation;
    co_return;
  };
  RunPlaces alone(loop_.executor(), hooked_, {});
  Place held = take(alone, 1);
  EXPECT_TRUE(held);
  EXPECT_FALSE(take(alone, 1));
  held.reset();
  EXPECT_TRUE(take(alone, 1));
  loop_.run(alone.stop());
  hooked_.before = {};
}

INSTANTIATE_TEST_SUITE_P(
    Stores, RunPlacesTest, ::testing::Values(Backend::embedded, Backend::redis_and_disk),
    [](const auto& test) { return store::testing::name_of(test.param); });

}  // namespace
}  // namespace ci::access
