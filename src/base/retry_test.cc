#include "base/retry.h"

#include <gtest/gtest.h>

namespace ci {
namespace {

using std::chrono::milliseconds;

TEST(Retry, WaitsUpToALimitThatDoubles) {
  const Deadline now;
  Retry most(Deadline::max(), [] { return 1.0; });
  for (const int expected : {100, 200, 400, 800, 1600, 2000, 2000, 2000})
    EXPECT_EQ(most.next(now), milliseconds(expected));
  Retry least(Deadline::max(), [] { return 0.0; });
  for (int i = 0; i < 100; ++i) EXPECT_EQ(least.next(now), milliseconds(0));
}

TEST(Retry, EndsWhenTheNextTryWouldComeTooLate) {
  const Deadline now;
  Retry retry(now + milliseconds(500), [] { return 0.5; });
  EXPECT_EQ(retry.next(now), milliseconds(50));
  EXPECT_EQ(retry.next(now + milliseconds(399)), milliseconds(100));
  EXPECT_EQ(retry.next(now + milliseconds(400)), std::nullopt);
}

}  // namespace
}  // namespace ci
