#include "state/turns.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/failure.h"
#include "store/testing/hooked_stores.h"
#include "store/testing/stores.h"

namespace ci::state {
namespace {

using namespace std::chrono_literals;

using store::testing::Backend;

// Two tables on one store are two replicas.
class TurnsTest : public ::testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (const std::string missing = store::testing::lacks(GetParam()); !missing.empty()) GTEST_SKIP() << missing;
    backends_.emplace(GetParam());
    records_ = backends_->open_records(loop_);
  }

  static TurnSettings shared() {
    TurnSettings settings;
    settings.shared = true;
    settings.lease = 500ms;
    settings.renewal = 50ms;
    return settings;
  }

  static awaitable<void> visit(Turns& turns, int& inside, int& most, std::vector<int>& order, int me) {
    Turns::Turn turn = co_await turns.take("s", false, after(20s));
    most = std::max(most, ++inside);
    order.push_back(me);
    co_await sleep_for(5ms);
    --inside;
  }
  static awaitable<void> visit_often(
      std::vector<std::unique_ptr<Turns>>& replicas, int& most, std::vector<int>& order) {
    int inside = 0;
    TaskGroup visitors(co_await asio::this_coro::executor);
    for (int i = 0; i < 10; ++i) {
      visitors.spawn("visitor", visit(*replicas[static_cast<size_t>(i) % replicas.size()], inside, most, order, i));
    }
    while (visitors.size() > 0) co_await sleep_for(2ms);
    for (auto& turns : replicas) co_await turns->stop();
  }
  // How many were inside at once, at most.
  int most_at_once(size_t replicas, const TurnSettings& settings, std::vector<int>& order) {
    std::vector<std::unique_ptr<Turns>> tables;
    int most = 0;
    loop_.run(make_and_visit(tables, replicas, settings, most, order));
    return most;
  }
  awaitable<void> make_and_visit(
      std::vector<std::unique_ptr<Turns>>& tables, size_t count, TurnSettings settings, int& most,
      std::vector<int>& order) {
    auto executor = co_await asio::this_coro::executor;
    for (size_t i = 0; i < count; ++i) tables.push_back(std::make_unique<Turns>(executor, *records_, settings));
    co_await visit_often(tables, most, order);
  }

  store::testing::Loop loop_;
  std::optional<store::testing::Backends> backends_;
  std::unique_ptr<store::KeyValueStore> records_;
};

// Bodies play no part.
const auto record_stores = ::testing::Values(Backend::embedded, Backend::redis_and_disk);
INSTANTIATE_TEST_SUITE_P(Stores, TurnsTest, record_stores, [](const auto& backend) { return name_of(backend.param); });

TEST_P(TurnsTest, AreTakenOneAfterTheOtherInOrder) {
  std::vector<int> order;
  EXPECT_EQ(most_at_once(1, TurnSettings(), order), 1);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_P(TurnsTest, AreTakenOneAfterTheOtherAmongReplicas) {
  std::vector<int> order;
  EXPECT_EQ(most_at_once(3, shared(), order), 1);
  EXPECT_EQ(order.size(), 10u);
}

awaitable<void> expect_too_late(store::KeyValueStore& records, TurnSettings settings) {
  Turns turns(co_await asio::this_coro::executor, records, settings);
  bool refused = false;
  {
    const Turns::Turn first = co_await turns.take("s", false, after(5s));
    try {
      co_await turns.take("s", false, after(30ms));
    } catch (const Failure& failure) {
      refused = failure.kind() == FailureKind::unavailable;
    }
    const Turns::Turn other = co_await turns.take("other", false, after(30ms));
  }
  EXPECT_TRUE(refused);
  const Turns::Turn again = co_await turns.take("s", false, after(1s));
  co_await turns.stop();
}

TEST_P(TurnsTest, AreNotWaitedForLongerThanAllowed) { loop_.run(expect_too_late(*records_, TurnSettings())); }

awaitable<void> outlive_a_dead_replica(store::KeyValueStore& records, TurnSettings settings) {
  const bool theirs = co_await records.set_if_absent("session:state-lease:s", "somebody who died", 200ms);
  EXPECT_TRUE(theirs);
  Turns turns(co_await asio::this_coro::executor, records, settings);
  const auto begin = std::chrono::steady_clock::now();
  Turns::Turn turn = co_await turns.take("s", false, after(5s));
  EXPECT_GT(std::chrono::steady_clock::now() - begin, 150ms);
  // Ours is renewed for as long as we have it.
  co_await sleep_for(600ms);
  const auto holder = co_await records.get("session:state-lease:s");
  EXPECT_TRUE(holder && holder != "somebody who died");
  EXPECT_FALSE(turn.lost());
  // And we notice when it is no longer ours.
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set("session:state-lease:s", "another", 1000ms));
  co_await records.write(std::move(writes));
  co_await sleep_for(200ms);
  EXPECT_TRUE(turn.lost());
  turn = Turns::Turn();
  co_await turns.stop();
}

TEST_P(TurnsTest, PassFromAReplicaThatDied) { loop_.run(outlive_a_dead_replica(*records_, shared())); }

awaitable<void> sleep_through_a_lease(store::KeyValueStore& records, TurnSettings settings) {
  settings.renewal = 10s;
  Turns turns(co_await asio::this_coro::executor, records, settings);
  Turns::Turn turn = co_await turns.take("s", false, after(5s));
  EXPECT_FALSE(turn.lost());
  const bool held = co_await turn.is_held();
  EXPECT_TRUE(held);
  std::this_thread::sleep_for(settings.lease + 20ms);  // as of a process that was stopped: nothing has run meanwhile
  EXPECT_TRUE(turn.lost());
  const bool still_held = co_await turn.is_held();
  EXPECT_FALSE(still_held);
  turn = Turns::Turn();
  co_await turns.stop();
}

TEST_P(TurnsTest, AreLostWithTheLeaseAndNotOnlyWhenItIsToBeRenewed) {
  loop_.run(sleep_through_a_lease(*records_, shared()));
}

awaitable<void> lose_without_noticing(store::KeyValueStore& records, TurnSettings settings) {
  settings.lease = settings.renewal = 10s;
  Turns turns(co_await asio::this_coro::executor, records, settings);
  Turns::Turn turn = co_await turns.take("s", false, after(5s));
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set("session:state-lease:s", "another", 10s));
  co_await records.write(std::move(writes));
  EXPECT_FALSE(turn.lost()) << "our clock does not tell";
  const bool held = co_await turn.is_held();
  EXPECT_FALSE(held);
  turn = Turns::Turn();
  co_await turns.stop();
}

TEST_P(TurnsTest, AskTheStoreWhoHasTheLease) { loop_.run(lose_without_noticing(*records_, shared())); }

awaitable<void> hear_late(store::testing::HookedRecords& records, TurnSettings settings) {
  settings.lease = 1s;
  settings.renewal = 10s;
  records.after = [](std::string operation, std::string) -> awaitable<void> {
    if (operation == "set_if_absent") co_await sleep_for(500ms);
  };
  Turns turns(co_await asio::this_coro::executor, records, settings);
  Turns::Turn turn = co_await turns.take("s", false, after(5s));
  EXPECT_FALSE(turn.lost());
  co_await sleep_for(510ms);
  EXPECT_TRUE(turn.lost()) << "the store has counted while the answer was on its way";
  turn = Turns::Turn();
  co_await turns.stop();
}

TEST_P(TurnsTest, CountTheLeaseFromWhenItWasAskedFor) {
  store::testing::HookedRecords slow(*records_);
  loop_.run(hear_late(slow, shared()));
}

awaitable<void> write_beside_a_turn(store::KeyValueStore& records, TurnSettings settings) {
  auto executor = co_await asio::this_coro::executor;
  Turns one(executor, records, settings), other(executor, records, settings);
  {
    const Turns::Turn turn = co_await one.take("s", false, after(5s));
    Turns::Turn writer = co_await other.take_to_write("s");
    const bool taken = co_await records.set_if_absent("session:state-lease:s/write", "me", 1000ms);
    EXPECT_FALSE(taken);
    writer = Turns::Turn();
    const Turns::Turn next = co_await one.take_to_write("s");
  }
  co_await one.stop();
  co_await other.stop();
}

TEST_P(TurnsTest, ThatWriteWaitForNoRun) { loop_.run(write_beside_a_turn(*records_, shared())); }

awaitable<void> take_over_a_bad_line(store::testing::HookedRecords& records, TurnSettings settings, bool done) {
  int calls = 0;
  const auto fail_once = [&](std::string operation, std::string) -> awaitable<void> {
    const bool fails = operation == "set_if_absent" && ++calls == 1;
    if (fails) throw Failure(FailureKind::unavailable, "the connection was lost");
    co_return;
  };
  (done ? records.after : records.before) = fail_once;
  Turns turns(co_await asio::this_coro::executor, records, settings);
  Turns::Turn turn = co_await turns.take("s", false, after(5s));
  const bool held = co_await turn.is_held();
  EXPECT_TRUE(held);
  EXPECT_EQ(calls, done ? 1 : 2);
  turn = Turns::Turn();
  co_await turns.stop();
}

TEST_P(TurnsTest, AreTakenOverAConnectionThatIsLostOnce) {
  for (const bool done : {true, false}) {
    store::testing::HookedRecords unreliable(*records_);
    TurnSettings settings = shared();
    settings.lease = 10s;
    loop_.run(take_over_a_bad_line(unreliable, settings, done));
  }
}

awaitable<void> expect_failure(store::testing::HookedRecords& records, TurnSettings settings) {
  records.before = [](std::string, std::string) -> awaitable<void> {
    throw Failure(FailureKind::unavailable, "the store is down");
    co_return;
  };
  Turns turns(co_await asio::this_coro::executor, records, settings);
  bool failed = false;
  try {
    co_await turns.take("s", false, after(60s));
  } catch (const Failure& failure) {
    failed = failure.kind() == FailureKind::unavailable;
  }
  EXPECT_TRUE(failed) << "without waiting for the deadline";
  co_await turns.stop();
}

TEST_P(TurnsTest, AreNotWaitedForWhenTheStoreIsDown) {
  store::testing::HookedRecords down(*records_);
  loop_.run(expect_failure(down, shared()));
}

awaitable<void> stop_at_once(store::testing::HookedRecords& records, TurnSettings settings) {
  settings.lease = 10s;
  records.before = [](std::string operation, std::string) -> awaitable<void> {
    if (operation == "remove_if_equal") co_await sleep_for(100ms);
  };
  Turns turns(co_await asio::this_coro::executor, records, settings);
  Turns::Turn turn = co_await turns.take("s", false, after(5s));
  turn = Turns::Turn();
  co_await sleep_for(10ms);
  co_await turns.stop();
  const auto holder = co_await records.get("session:state-lease:s");
  EXPECT_EQ(holder, std::nullopt);
}

TEST_P(TurnsTest, LeaveNoLeaseBehindWhenTheServerStops) {
  store::testing::HookedRecords slow(*records_);
  loop_.run(stop_at_once(slow, shared()));
}

}  // namespace
}  // namespace ci::state
