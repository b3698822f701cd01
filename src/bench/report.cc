#include "bench/report.h"

#include <algorithm>

namespace ci::bench {

int count_errors(const Measurement& measurement) {
  int sum = 0;
  for (const auto& [sentence, count] : measurement.errors) sum += count;
  return sum;
}

double throughput(const Measurement& measurement) {
  return measurement.seconds > 0 ? static_cast<double>(measurement.times.size()) / measurement.seconds : 0;
}

std::optional<int> count_cold(const Measurement& measurement) {
  constexpr double longest_warm = 2;  // milliseconds: handing out one that waits takes a fraction of one
  const auto acquire = std::ranges::find(measurement.steps, "acquire", &Steps::value_type::first);
  if (acquire == measurement.steps.end()) return std::nullopt;
  return static_cast<int>(std::ranges::count_if(acquire->second, [](double time) { return time > longest_warm; }));
}

void add_steps(Steps& steps, const std::vector<std::pair<std::string, double>>& of_answer) {
  for (const auto& [step, time] : of_answer) {
    auto place = std::ranges::find(steps, step, &Steps::value_type::first);
    if (place == steps.end()) place = steps.emplace(place, step, std::vector<double>());
    place->second.push_back(time);
  }
}

const Measurement* find_measurement(const Report& report, std::string_view group, std::string_view name) {
  for (const Measurement& measurement : report.measurements) {
    if (measurement.group == group && measurement.name == name) return &measurement;
  }
  return nullptr;
}

}  // namespace ci::bench
