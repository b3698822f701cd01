#include "base/fair_queue.h"

#include <gtest/gtest.h>

#include <vector>

namespace ci {
namespace {

struct Waiter {
  int number;
};

std::vector<int> drained(FairQueue<Waiter>& queue) {
  std::vector<int> order;
  while (const Waiter* next = queue.pop()) order.push_back(next->number);
  return order;
}

TEST(FairQueue, OneOwnerIsServedInOrder) {
  std::vector<Waiter> waiters = {{1}, {2}, {3}};
  FairQueue<Waiter> queue;
  for (Waiter& waiter : waiters) queue.push("a", waiter);
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(drained(queue), (std::vector{1, 2, 3}));
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, OwnersTakeTurns) {
  std::vector<Waiter> waiters = {{1}, {2}, {3}, {10}, {20}, {100}};
  FairQueue<Waiter> queue;
  for (int i : {0, 1, 2}) queue.push("many", waiters[static_cast<size_t>(i)]);
  queue.push("few", waiters[3]);
  queue.push("few", waiters[4]);
  queue.push("one", waiters[5]);
  EXPECT_EQ(drained(queue), (std::vector{1, 10, 100, 2, 20, 3}));
}

TEST(FairQueue, ALateOwnerComesAfterThoseWhoseTurnIsNext) {
  std::vector<Waiter> waiters = {{1}, {2}, {3}};
  FairQueue<Waiter> queue;
  queue.push("a", waiters[0]);
  queue.push("a", waiters[1]);
  EXPECT_EQ(queue.pop()->number, 1);
  queue.push("b", waiters[2]);
  EXPECT_EQ(drained(queue), (std::vector{2, 3}));
}

TEST(FairQueue, WhoGivesUpIsNotServed) {
  std::vector<Waiter> waiters = {{1}, {2}, {3}};
  FairQueue<Waiter> queue;
  queue.push("a", waiters[0]);
  queue.push("b", waiters[1]);
  queue.push("b", waiters[2]);
  queue.remove(waiters[0]);
  queue.remove(waiters[0]);
  queue.remove(waiters[1]);
  EXPECT_EQ(drained(queue), (std::vector{3}));
}

TEST(FairQueue, CountsByOwner) {
  FairQueue<int> queue;
  int one = 1, two = 2, three = 3;
  queue.push("a", one);
  queue.push("a", two);
  queue.push("b", three);
  EXPECT_EQ(queue.size_of("a"), 2u);
  EXPECT_EQ(queue.size_of("b"), 1u);
  EXPECT_EQ(queue.size_of("c"), 0u);
  queue.remove(two);
  EXPECT_EQ(queue.size_of("a"), 1u);
}

TEST(FairQueue, NobodyTakesAllPlaces) {
  std::size_t all = 0;
  std::vector<std::size_t> taken;
  for (int owner = 0; owner < 5; ++owner) {
    std::size_t own = 0;
    for (; may_wait(own, all, 1000); ++own) ++all;
    taken.push_back(own);
  }
  EXPECT_EQ(taken, (std::vector<std::size_t>{500, 250, 125, 63, 31}));
  EXPECT_LT(all, 1000u);
  EXPECT_TRUE(may_wait(0, 0, 1));
  EXPECT_FALSE(may_wait(0, 1, 1));
}

}  // namespace
}  // namespace ci
