#include "pool/local/stock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::pool {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::uint64_t megabyte = 1 << 20;

KindState kind(std::string name, int floor, int warm) {
  KindState state;
  state.kind = std::move(name);
  state.floor = floor;
  state.warm = warm;
  state.proven = true;
  state.memory = megabyte;
  return state;
}

std::vector<std::string> kinds(const std::vector<Creation>& creations) {
  std::vector<std::string> result;
  for (const Creation& creation : creations) result.push_back(creation.kind);
  return result;
}

StockLimits limits() { return {3, 1, 2, 10, 100 * megabyte}; }

TEST(DemandMeter, FadesWithTime) {
  DemandMeter meter;
  const auto start = Clock::now();
  EXPECT_EQ(meter.recent(start), 0);
  EXPECT_FALSE(meter.lingers(start));
  for (int i = 0; i < 8; ++i) meter.arrival(start);
  EXPECT_NEAR(meter.recent(start), 8, 0.01);
  EXPECT_NEAR(meter.recent(start + 10s), 8 / 2.718, 0.01);
  EXPECT_TRUE(meter.lingers(start + 119s));
  EXPECT_FALSE(meter.lingers(start + 121s));
}

TEST(Stock, TargetFollowsDemand) {
  KindState state = kind("a", 2, 0);
  EXPECT_EQ(stock_target(state, limits()), 2);
  state.recent = 12;
  EXPECT_EQ(stock_target(state, limits()), 5);
  // As many as arrive while one is made, and some for bursts.
  state.recent = 100;
  EXPECT_EQ(stock_target(state, limits()), 2 + 5);
  state.making_time = 100ms;
  EXPECT_EQ(stock_target(state, limits()), 2 + 7);
  state.recent = 1e9;
  EXPECT_EQ(stock_target(state, limits()), 10);
  KindState cold = kind("b", 0, 0);
  EXPECT_EQ(stock_target(cold, limits()), 0);
  cold.lingers = true;
  EXPECT_EQ(stock_target(cold, limits()), 1);
  EXPECT_EQ(stock_target(state, {3, 1, 2, 0, 0}), 0);
}

TEST(Stock, FillsTheEmptiestFirstAFewAtATime) {
  const std::vector<KindState> states = {kind("half", 4, 2), kind("empty", 4, 0), kind("full", 1, 1)};
  EXPECT_THAT(kinds(plan_stock(states, limits()).create), ElementsAre("empty", "empty", "half"));
}

TEST(Stock, WhatIsOnLoanTakesRoomFromWhatIsWarm) {
  std::vector<KindState> states = {kind("paused", 0, 0), kind("warm", 4, 3)};
  states[0].leased_memory = 97 * megabyte;
  EXPECT_THAT(plan_stock(states, limits()).create, IsEmpty());
  EXPECT_THAT(plan_stock(states, limits()).drop, IsEmpty());
  states[0].leased_memory = 98 * megabyte;
  EXPECT_THAT(plan_stock(states, limits()).drop, ElementsAre("warm"));
  states[0].leased_memory = 0;
  EXPECT_THAT(kinds(plan_stock(states, limits()).create), ElementsAre("warm"));
}

TEST(Stock, WhileThereAreRunsLittleIsMadeAhead) {
  std::vector<KindState> states = {kind("a", 4, 0)};
  states[0].recent = 1;
  EXPECT_THAT(kinds(plan_stock(states, limits()).create), ElementsAre("a", "a"));
  states[0].waiting = 3;
  EXPECT_THAT(kinds(plan_stock(states, limits()).create), ElementsAre("a", "a", "a"));
}

TEST(Stock, WhoWaitsComesFirstAndPaysNoBudget) {
  std::vector<KindState> states = {kind("a", 1, 0), kind("b", 0, 0)};
  states[1].waiting = 2;
  StockLimits tight = limits();
  tight.memory_bytes = 0;
  EXPECT_THAT(kinds(plan_stock(states, tight).create), ElementsAre("b", "b"));
  states[1].waiting = 50;
  EXPECT_EQ(plan_stock(states, tight).create.size(), 3u);
  states[1].creating = 3;
  EXPECT_THAT(kinds(plan_stock(states, tight).create), IsEmpty());
}

TEST(Stock, AKindThatWasNeverReadyIsTriedAloneAndBlocksNobody) {
  std::vector<KindState> states = {kind("new", 3, 0), kind("old", 3, 0)};
  states[0].proven = false;
  states[0].waiting = 5;
  EXPECT_THAT(kinds(plan_stock(states, limits()).create), UnorderedElementsAre("new", "old", "old", "old"));
  states[0].creating = 1;
  states[1].creating = 3;
  EXPECT_THAT(kinds(plan_stock(states, limits()).create), IsEmpty());
}

TEST(Stock, ASlowKindIsMadeOneAtATimeUntilSomebodyWaits) {
  std::vector<KindState> states = {kind("slow", 3, 0)};
  states[0].slow = true;
  const Creation ahead{"slow", false}, awaited{"slow", true};
  EXPECT_THAT(plan_stock(states, limits()).create, ElementsAre(ahead));
  states[0].waiting = 4;
  EXPECT_THAT(plan_stock(states, limits()).create, ElementsAre(awaited, awaited));
  // One that is made ahead is ready later than one that is awaited from the beginning.
  states[0].waiting = 1;
  states[0].creating = 1;
  EXPECT_THAT(plan_stock(states, limits()).create, ElementsAre(awaited));
  states[0].creating = 2;
  states[0].awaited = 1;
  EXPECT_THAT(plan_stock(states, limits()).create, IsEmpty());
}

TEST(Stock, WithMoreProcessorsMoreOfASlowKindAreMadeAtATime) {
  std::vector<KindState> states = {kind("slow", 3, 0)};
  states[0].slow = true;
  StockLimits large = limits();
  large.slow_parallel = 2;
  EXPECT_THAT(kinds(plan_stock(states, large).create), ElementsAre("slow", "slow"));
  large.slow_parallel = 50;
  EXPECT_EQ(plan_stock(states, large).create.size(), 3u);
  states[0].proven = false;
  EXPECT_THAT(kinds(plan_stock(states, large).create), ElementsAre("slow"));
}

TEST(Stock, AKindThatFailedRests) {
  std::vector<KindState> states = {kind("a", 1, 0)};
  states[0].resting = true;
  states[0].waiting = 1;
  EXPECT_THAT(kinds(plan_stock(states, limits()).create), IsEmpty());
}

TEST(Stock, StaysWithinItsMemory) {
  std::vector<KindState> states = {kind("large", 5, 0), kind("small", 5, 0)};
  states[0].memory = 40 * megabyte;
  StockLimits few = limits();
  few.parallel = 100;
  const StockPlan plan = plan_stock(states, few);
  EXPECT_EQ(std::ranges::count(kinds(plan.create), "large"), 2);
  EXPECT_EQ(std::ranges::count(kinds(plan.create), "small"), 5);
}

TEST(Stock, AboveTheBudgetIdleKindsEndFirst) {
  std::vector<KindState> states = {kind("idle", 3, 3), kind("asked", 3, 3)};
  states[0].memory = states[1].memory = 30 * megabyte;
  states[1].lingers = true;
  EXPECT_THAT(plan_stock(states, limits()).drop, ElementsAre("idle", "idle", "idle"));
}

TEST(Stock, DemandTakesRoomFromIdleKinds) {
  std::vector<KindState> states = {kind("idle", 2, 2), kind("asked", 0, 0)};
  states[0].memory = states[1].memory = 50 * megabyte;
  states[1].lingers = true;
  const StockPlan plan = plan_stock(states, limits());
  EXPECT_THAT(plan.drop, ElementsAre("idle"));
  EXPECT_THAT(kinds(plan.create), ElementsAre("asked"));
}

TEST(Stock, KindsThatAreAskedForShareTheRoom) {
  std::vector<KindState> states = {kind("before", 5, 8), kind("now", 1, 2)};
  for (KindState& state : states) {
    state.lingers = true;
    state.recent = 1000;
  }
  StockPlan plan = plan_stock(states, limits());
  EXPECT_THAT(plan.drop, ElementsAre("before", "before"));
  EXPECT_THAT(kinds(plan.create), ElementsAre("now", "now"));
  states[0].warm = 5;
  states[1].warm = 5;
  plan = plan_stock(states, limits());
  EXPECT_THAT(plan.drop, IsEmpty());
  EXPECT_THAT(kinds(plan.create), IsEmpty());
  // Nobody asks for it: it has its floor where there is room, and takes nothing.
  states[1] = kind("never", 3, 1);
  states[0].warm = 9;
  EXPECT_THAT(plan_stock(states, limits()).drop, IsEmpty());
}

TEST(Stock, TellsWhatIsMoreThanTheTarget) {
  const std::vector<KindState> states = {kind("a", 1, 4), kind("b", 2, 2)};
  const StockPlan plan = plan_stock(states, limits());
  EXPECT_THAT(plan.surplus, ElementsAre("a"));
  EXPECT_THAT(plan.drop, IsEmpty());
  EXPECT_THAT(kinds(plan.create), IsEmpty());
}

}  // namespace
}  // namespace ci::pool
