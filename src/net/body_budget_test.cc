#include "net/body_budget.h"

#include <gtest/gtest.h>

namespace ci::net {
namespace {

TEST(BodyBudget, StrangersShareASmallPart) {
  BodyBudget budget(1600);
  BodyBudget::Share first(budget), second(budget);
  EXPECT_TRUE(first.set(60));
  EXPECT_FALSE(second.set(60));
  EXPECT_TRUE(second.set(40));
  EXPECT_FALSE(first.set(61));
  EXPECT_EQ(budget.held(), 100u);
}

TEST(BodyBudget, NobodyGetsMoreThanHalf) {
  BodyBudget budget(1000);
  BodyBudget::Share first(budget), second(budget), third(budget);
  first.belongs_to("a");
  second.belongs_to("a");
  third.belongs_to("b");
  EXPECT_TRUE(first.set(300));
  EXPECT_FALSE(second.set(201));
  EXPECT_TRUE(second.set(200));
  EXPECT_TRUE(third.set(500));
  EXPECT_FALSE(third.set(501));
}

TEST(BodyBudget, WhatAStrangerHoldsBecomesTheirs) {
  BodyBudget budget(1600);
  BodyBudget::Share known(budget), stranger(budget);
  EXPECT_TRUE(known.set(100));
  known.belongs_to("a");
  EXPECT_TRUE(known.set(700));
  EXPECT_TRUE(stranger.set(100));
  EXPECT_EQ(budget.held(), 800u);
}

TEST(BodyBudget, GetsBackWhatIsDropped) {
  BodyBudget budget(1600);
  {
    BodyBudget::Share one(budget);
    one.belongs_to("a");
    EXPECT_TRUE(one.set(800));
    BodyBudget::Share moved(std::move(one));
    EXPECT_EQ(budget.held(), 800u);
    moved = BodyBudget::Share(budget);
    EXPECT_EQ(budget.held(), 0u);
    EXPECT_TRUE(moved.set(50));
  }
  EXPECT_EQ(budget.held(), 0u);
  BodyBudget::Share unlimited;
  EXPECT_TRUE(unlimited.set(1 << 30));
}

}  // namespace
}  // namespace ci::net
