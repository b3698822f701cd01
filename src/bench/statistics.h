#pragma once
// What is said about a list of times. Pure functions.

#include <vector>

namespace ci::bench {

struct Summary {
  double p50 = 0, p95 = 0, p99 = 0, highest = 0, lowest = 0, average = 0;
};

// The smallest value that at least `share` (0 to 1) of `sorted` does not exceed; 0 when there are none.
double percentile(const std::vector<double>& sorted, double share);

// The middle value, or the mean of the two middle ones.
double median(std::vector<double> values);

Summary summarize(std::vector<double> values);

}  // namespace ci::bench
