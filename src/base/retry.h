#pragma once
// When a call that failed is made again: after a random time between nothing and a limit that doubles, so that many
// callers do not come back together, and only while there is patience left. No clock, no waiting: values only.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "base/async.h"

namespace ci {

class Retry {
 public:
  // Random: 0 to 1.
  Retry(Deadline end, std::function<double()> random) : end_(end), random_(std::move(random)) {}

  // How long to wait before the next try; nothing: enough.
  std::optional<std::chrono::milliseconds> next(Deadline now) {
    const auto limit = first * (std::int64_t{1} << failures_);
    if (limit < longest) ++failures_;
    const auto pause = std::chrono::milliseconds(
        static_cast<std::int64_t>(random_() * static_cast<double>(std::min(limit, longest).count())));
    if (now + pause >= end_) return std::nullopt;
    return pause;
  }

  static constexpr std::chrono::milliseconds first{100}, longest{2000};

 private:
  Deadline end_;
  std::function<double()> random_;
  int failures_ = 0;
};

}  // namespace ci
