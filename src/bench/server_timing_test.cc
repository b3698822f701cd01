#include "bench/server_timing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ServerTiming, NamesAndDurationsInOrder) {
  EXPECT_THAT(
      parse_server_timing("session;dur=0.25, acquire;dur=1.5,run;dur=12"),
      ElementsAre(Pair("session", 0.25), Pair("acquire", 1.5), Pair("run", 12)));
}

TEST(ServerTiming, DescriptionsNameAndQuotesHoldSeparators) {
  EXPECT_THAT(
      parse_server_timing("p ; desc=\"place, files; all\" ; dur=2, q;dur=\"3\""),
      ElementsAre(Pair("place, files; all", 2), Pair("q", 3)));
}

TEST(ServerTiming, WhatCannotBeReadIsLeftOut) {
  EXPECT_THAT(parse_server_timing(""), IsEmpty());
  EXPECT_THAT(parse_server_timing("miss, hit;dur=x, ;dur=1,, ok;dur=1"), ElementsAre(Pair("ok", 1)));
}

}  // namespace
}  // namespace ci::bench
