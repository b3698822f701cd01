#include "bench/pace.h"

#include <gtest/gtest.h>

namespace ci::bench {
namespace {

struct Played {
  int requests = 0, bare = 0;
  int first_half_bare = 0;
};

Played play(const Pace& pace, double request, double bare) {
  Played played;
  double spent = 0, bare_spent = 0;
  while (!pace.is_over(played.requests, spent)) {
    ++played.requests;
    spent += request;
    if (pace.bare_is_due(played.requests, spent, played.bare, bare_spent)) {
      ++played.bare;
      bare_spent += bare;
    }
    if (played.requests <= pace.count / 2) played.first_half_bare = played.bare;
  }
  return played;
}

TEST(Pace, AQuickCaseAlternates) {
  const Played played = play(Pace{200, 10000, 10}, 3, 20);
  EXPECT_EQ(played.requests, 200);
  EXPECT_EQ(played.bare, 200);
}

TEST(Pace, ASlowBareToolIsSpreadEvenly) {
  const Played played = play(Pace{200, 10000, 10}, 20, 2000);
  EXPECT_EQ(played.requests, 200);
  EXPECT_GE(played.bare, 5);
  EXPECT_LE(played.bare, 6);
  EXPECT_EQ(played.first_half_bare, 3);
}

TEST(Pace, ASlowCaseEndsWithTime) {
  EXPECT_EQ(play(Pace{200, 10000, 10}, 500, 1).requests, 20);
  EXPECT_EQ(play(Pace{200, 10000, 10}, 5000, 1).requests, 10);
  EXPECT_EQ(play(Pace{3, 10000, 10}, 5000, 1).requests, 3);
}

TEST(Pace, TheBareToolRunsOnceInAnyCase) { EXPECT_EQ(play(Pace{1, 1000, 1}, 1, 60000).bare, 1); }

}  // namespace
}  // namespace ci::bench
