#include "sandbox/run_clock.h"

#include <gtest/gtest.h>

namespace ci::sandbox {
namespace {

using namespace std::chrono_literals;

constexpr RunClock::Clock::time_point at(std::chrono::seconds time) { return RunClock::Clock::time_point(time); }

TEST(RunClock, EndsWhenTheLimitIsSpent) {
  RunClock clock;
  clock.begin(at(10s), 5s);
  EXPECT_EQ(clock.end(), at(15s));
  EXPECT_EQ(clock.spent(at(12s)), 2s);
}

TEST(RunClock, DoesNotGoOnWhileItIsStopped) {
  RunClock clock;
  clock.begin(at(10s), 5s);
  clock.stop(at(12s));
  clock.stop(at(13s));  // it stands already
  EXPECT_EQ(clock.end(), RunClock::Clock::time_point::max());
  EXPECT_EQ(clock.spent(at(100s)), 2s);
  clock.go_on(at(100s));
  clock.go_on(at(101s));
  EXPECT_EQ(clock.spent(at(101s)), 3s);
  EXPECT_EQ(clock.end(), at(103s));
}

TEST(RunClock, TakesAnotherLimitFromNowOn) {
  RunClock clock;
  clock.begin(at(10s), 5s);
  clock.stop(at(14s));
  clock.go_on(at(50s));
  clock.set_left(at(50s), 20s);
  EXPECT_EQ(clock.end(), at(70s));
  clock.set_left(at(60s), 1s);
  EXPECT_EQ(clock.end(), at(61s));
}

TEST(RunClock, BeginsAnewAlsoWhileItIsStopped) {
  RunClock clock;
  clock.begin(at(0s), 5s);
  clock.stop(at(1s));
  clock.begin(at(2s), 5s);
  clock.go_on(at(10s));
  EXPECT_EQ(clock.end(), at(15s));
}

TEST(RunClock, SaysWhatIsLeft) {
  RunClock clock;
  clock.begin(at(10s), 5s);
  EXPECT_EQ(clock.left(at(12s)), 3s);
  clock.stop(at(13s));
  EXPECT_EQ(clock.left(at(20s)), 2s);
}

// A program that says it has ended, and goes on, gains three seconds beyond its limit and no more.
TEST(TimeToCapture, IsWhatTheProgramDidNotUseWithinBounds) {
  EXPECT_EQ(time_to_capture(30s), 9s);
  EXPECT_EQ(time_to_capture(5s), 5s);
  EXPECT_EQ(time_to_capture(1s), 3s);
  EXPECT_EQ(time_to_capture(-1s), 3s);
}

}  // namespace
}  // namespace ci::sandbox
