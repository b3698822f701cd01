#include "metrics/buckets.h"

#include <algorithm>

namespace ci::metrics {

std::size_t bucket_of(std::span<const double> bounds, double value) {
  return static_cast<std::size_t>(std::ranges::lower_bound(bounds, value) - bounds.begin());
}

double quantile(std::span<const double> bounds, std::span<const std::uint64_t> counts, double part) {
  std::uint64_t all = 0;
  for (const std::uint64_t count : counts) all += count;
  const double wanted = part * static_cast<double>(all);
  double below = 0;
  for (std::size_t i = 0; i < bounds.size() && i < counts.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && below + here >= wanted) {
      const double from = i == 0 ? 0 : bounds[i - 1];
      return from + (bounds[i] - from) * (wanted - below) / here;
    }
    below += here;
  }
  return all == 0 ? 0 : bounds.back();
}

}  // namespace ci::metrics
