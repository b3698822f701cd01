#pragma once
// What was measured: plain values, from which tables.h and json.h make their texts.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/machine.h"

namespace ci::bench {

// The name and milliseconds of each step of the server, in the order of their first appearance.
using Steps = std::vector<std::pair<std::string, std::vector<double>>>;

// Many requests of one sort.
struct Measurement {
  Measurement() = default;
  Measurement(std::string_view of_group, std::string_view of_name) : group(of_group), name(of_name) {}

  std::string group, name;
  std::string language;  // empty: not a run
  int clients = 1;
  std::vector<double> times;          // milliseconds of those answered as they should
  std::map<std::string, int> errors;  // sentence → how often
  double seconds = 0;                 // the measured requests took together
  Steps steps;
  std::string bare_command;  // empty: no bare tool was run beside
  std::vector<double> bare_times;
};

// A number that follows from measurements: a difference, a ratio, an amount of memory.
struct Figure {
  Figure(
      std::string_view of_group, std::string_view of_name, double of_value, std::string_view of_unit, std::string how)
      : group(of_group), name(of_name), value(of_value), unit(of_unit), meaning(std::move(how)) {}

  std::string group, name;
  double value;
  std::string unit;
  std::string meaning;  // how it came about, in words
};

struct Skipped {
  Skipped(std::string of_name, std::string why) : name(std::move(of_name)), reason(std::move(why)) {}
  std::string name, reason;
};

struct Report {
  std::string client_version, server_version;
  std::string base;
  bool own_server = false;
  std::string begin, end;  // ISO 8601, UTC
  int count = 0, warm_up = 0;
  double duration = 0, pause = 0;  // seconds
  Machine machine;
  Load before, after;
  bool interrupted = false;
  std::vector<Measurement> measurements;
  std::vector<Figure> figures;
  std::vector<Skipped> skipped;
};

int count_errors(const Measurement& measurement);
// Requests answered as they should, each second. 0 when nothing was measured.
double throughput(const Measurement& measurement);

// Requests for which a sandbox had to be made while the client waited; nothing when the server does not say.
std::optional<int> count_cold(const Measurement& measurement);

// Adds one answer's steps.
void add_steps(Steps& steps, const std::vector<std::pair<std::string, double>>& of_answer);

const Measurement* find_measurement(const Report& report, std::string_view group, std::string_view name);

}  // namespace ci::bench
