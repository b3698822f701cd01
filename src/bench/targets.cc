#include "bench/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bench/statistics.h"

namespace ci::bench {

namespace {

using enum Quantity;

constexpr auto all_targets = std::to_array<Target>({
    {"start", "answered py and bash", p50, 1500},
    {"languages", "py hello", p50, 3},
    {"languages", "py hello", p99, 10},
    {"languages", "py numpy", p50, 5},
    {"languages", "py pandas", p50, 12},
    {"languages", "py matplotlib", p50, 70},
    {"languages", "py sklearn", p50, 20},
    {"languages", "js hello", p50, 8},
    {"languages", "ts hello", p50, 15},
    {"languages", "bash hello", p50, 4},
    {"languages", "php hello", p50, 8},
    {"languages", "r hello", p50, 15},
    {"languages", "c hello", p50, 75},
    {"languages", "cpp sort", p50, 220},
    {"languages", "f90 hello", p50, 100},
    {"languages", "d hello", p50, 200},
    {"languages", "rs hello", p50, 220},
    {"languages", "go hello", p50, 170},
    {"languages", "java hello", p50, 130},
    {"languages", "c cached", p50, 12},
    {"languages", "cpp cached", p50, 12},
    {"languages", "f90 cached", p50, 12},
    {"languages", "d cached", p50, 12},
    {"languages", "rs cached", p50, 12},
    {"languages", "go cached", p50, 12},
    {"concurrency", "50 clients", per_second, 250},
    {"concurrency", "50 clients", p99, 350},
    {"state", "x = 42 adds", value, 2},
    {"state", "numpy array of 1 MB adds", value, 15},
    {"state", "DataFrame of 50 MB captured and restored", value, 600},
    {"files", "upload of 1 MB", p50, 8},
    {"files", "download of 1 MB", p50, 5},
    {"files", "1 MB in and 1 MB out adds", value, 12},
    {"fairness", "beside 1 spinning program", value, 2},
    {"kubernetes", "py hello in a warm pod", p50, 12},
    {"kubernetes", "py pandas in a warm pod", p50, 25},
    {"kubernetes", "acquire", value, 5},
    {"memory", "warm py/stdlib", value, 4},
    {"memory", "warm py/full", value, 14},
});

std::optional<double> measured(const Report& report, const Target& target) {
  if (target.quantity == value) {
    for (const Figure& figure : report.figures) {
      if (figure.group == target.group && figure.name == target.name) return figure.value;
    }
    return std::nullopt;
  }
  const Measurement* measurement = find_measurement(report, target.group, target.name);
  if (measurement == nullptr || measurement->times.empty()) return std::nullopt;
  switch (target.quantity) {
    case p50:
      return summarize(measurement->times).p50;
    case p99:
      return summarize(measurement->times).p99;
    case per_second:
      return throughput(*measurement);
    case value:
      break;
  }
  return std::nullopt;
}

}  // namespace

std::span<const Target> targets() { return all_targets; }

std::vector<Verdict> judge(const Report& report) {
  std::vector<Verdict> verdicts;
  for (const Target& target : all_targets) {
    const auto found = measured(report, target);
    if (!found) continue;
    const bool met = target.quantity == per_second ? *found >= target.limit : *found <= target.limit;
    verdicts.push_back({target, *found, met});
  }
  return verdicts;
}

std::string describe(const Target& target, std::string_view unit) {
  switch (target.quantity) {
    case p50:
    case p99:
      return fmt::format("{} ≤ {:g} ms", name_of(target.quantity), target.limit);
    case per_second:
      return fmt::format("≥ {:g} runs/s", target.limit);
    case value:
      return fmt::format("≤ {:g} {}", target.limit, unit);
  }
  return "";
}

std::string_view name_of(Quantity quantity) {
  switch (quantity) {
    case p50:
      return "p50";
    case p99:
      return "p99";
    case per_second:
      return "runs/s";
    case value:
      return "value";
  }
  return "";
}

}  // namespace ci::bench
