#pragma once
// The bounds of histograms, and what can be said of a value from how often each bucket was hit.

#include <array>
#include <chrono>
#include <cstdint>
#include <span>

namespace ci::metrics {

// Upper bounds in seconds: half a millisecond, which is what a warm run costs us, to a minute.
inline constexpr std::array latency_bounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                              0.25,   0.5,   1.0,    2.5,   5.0,  10.0,  30.0, 60.0};
// The same for sizes: a kilobyte to a gigabyte.
inline constexpr std::array size_bounds = {1024.0,    4096.0,     16384.0,    65536.0,     262144.0,    1048576.0,
                                           4194304.0, 16777216.0, 67108864.0, 268435456.0, 1073741824.0};

// What the buckets of times count in.
constexpr double seconds(std::chrono::microseconds time) { return std::chrono::duration<double>(time).count(); }

// The bucket that `value` falls into; the last one has no bound.
std::size_t bucket_of(std::span<const double> bounds, double value);

// The value below which `part` (0 to 1) of all are, interpolated inside its bucket; 0 when there are none. `counts` are of each
// bucket alone, one more than there are bounds.
double quantile(std::span<const double> bounds, std::span<const std::uint64_t> counts, double part);

}  // namespace ci::metrics
