#pragma once
// How results are shown and kept.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/bench/statistics.h"

namespace ci::bench {

struct CaseResult {
  std::string name;
  std::string language;
  int requests = 0;
  int clients = 1;
  std::map<std::string, int> errors;  // sentence → how often
  double seconds = 0;                 // of the measured requests together
  std::vector<double> times;          // milliseconds of those answered as they should
  // Milliseconds of each step of the server, in the order of their first appearance.
  std::vector<std::pair<std::string, std::vector<double>>> steps;
};

struct Report {
  std::string base;
  std::string begin, end;  // local time
  double load_before = 0;
  std::vector<CaseResult> cases;
  std::optional<std::vector<double>> baseline;
};

std::string table_of(const Report& report);
std::string json_of(const Report& report);

int count_errors(const CaseResult& result);

}  // namespace ci::bench
