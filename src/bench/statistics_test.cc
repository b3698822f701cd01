#include "bench/statistics.h"

#include <gtest/gtest.h>

#include <numeric>

namespace ci::bench {
namespace {

TEST(Statistics, PercentilesAreValuesOfTheList) {
  std::vector<double> values(100);
  std::iota(values.begin(), values.end(), 1);
  EXPECT_EQ(percentile(values, 0.5), 50);
  EXPECT_EQ(percentile(values, 0.95), 95);
  EXPECT_EQ(percentile(values, 0.99), 99);
  EXPECT_EQ(percentile(values, 1), 100);
  EXPECT_EQ(percentile(values, 0), 1);
  EXPECT_EQ(percentile({7}, 0.99), 7);
}

TEST(Statistics, TheMedianLiesInTheMiddle) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median({}), 0);
}

TEST(Statistics, OrderDoesNotMatter) {
  const Summary summary = summarize({5, 1, 4, 2, 3});
  EXPECT_EQ(summary.p50, 3);
  EXPECT_EQ(summary.p95, 5);
  EXPECT_EQ(summary.lowest, 1);
  EXPECT_EQ(summary.highest, 5);
  EXPECT_EQ(summary.average, 3);
}

TEST(Statistics, NothingGivesZeros) {
  EXPECT_EQ(summarize({}).p99, 0);
  EXPECT_EQ(percentile({}, 0.5), 0);
}

}  // namespace
}  // namespace ci::bench
