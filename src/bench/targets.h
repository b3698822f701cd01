#pragma once
// What this project promises itself, and whether a report keeps it. The figures hold for a quiet machine with two
// processors; a missed target is a finding and not a failure of the bench. Pure.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/report.h"

namespace ci::bench {

enum class Quantity { p50, p99, per_second, value };

struct Target {
  std::string_view group;
  std::string_view name;  // of a measurement, or of a figure when the quantity is its value
  Quantity quantity;
  double limit;  // at most, except for per_second
};

std::span<const Target> targets();

struct Verdict {
  Target target;
  double measured;
  bool met;
};

// Of the targets of which the report has a measurement, in the order of the table.
std::vector<Verdict> judge(const Report& report);

// "p50 <= 3 ms", ">= 250 runs/s"
std::string describe(const Target& target, std::string_view unit);

std::string_view name_of(Quantity quantity);

}  // namespace ci::bench
