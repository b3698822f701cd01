#pragma once
// What is kept of many runs: sums for each hour, key and language. Everything that people look at (a summary, a curve, a
// week's pattern) is added up from such cells, by plain functions that know no store.

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ci::metrics {

using Hour = std::chrono::sys_time<std::chrono::hours>;
// "2026-12-31-23", in UTC.
std::string text_of(Hour hour);

struct Totals {
  std::int64_t runs = 0;
  std::int64_t succeeded = 0;
  std::int64_t failed = 0;     // the program's own failure, or ours
  std::int64_t timed_out = 0;  // counted apart from `failed`
  std::int64_t time_us = 0;    // from the request to the answer
  std::int64_t cpu_us = 0;
  std::int64_t memory_kb = 0;  // the sum of the peaks
  std::int64_t files = 0;      // that came of them
  std::int64_t warm = 0;       // found a sandbox that was ready
  std::int64_t cold = 0;       // waited for one to be made

  Totals& operator+=(const Totals& other);
  double success_rate() const;  // percent; 0 without runs
  double average_time_ms() const;
  double warm_rate() const;  // percent of those that got a sandbox
};

// The fields by name, for stores that keep them apart.
struct NamedTotal {
  const char* name;
  std::int64_t Totals::* field;
};
extern const std::array<NamedTotal, 10> named_totals;

struct Cell {
  Cell() = default;
  Hour hour;
  std::string key;       // 16 digits of the hash of the key; empty: none was needed
  std::string language;  // canonical code
  Totals totals;
};
using Cells = std::vector<Cell>;

// Half open: what began at `begin` or later, and before `end`.
struct Span {
  std::chrono::system_clock::time_point begin, end;
};

Totals sum_of(const Cells& cells);
std::map<std::string, Totals> by_language(const Cells& cells);
std::map<std::string, Totals> by_key(const Cells& cells);
// Of each language, how often each key used it.
std::map<std::string, std::map<std::string, std::int64_t>> languages_of_keys(const Cells& cells);
// In the order of time; hours (or days) in which nothing ran are not there.
std::map<std::chrono::system_clock::time_point, Totals> by_hour(const Cells& cells);
std::map<std::chrono::system_clock::time_point, Totals> by_day(const Cells& cells);
// Runs by day of the week (Monday first) and hour, in UTC.
std::array<std::array<std::int64_t, 24>, 7> by_weekday_and_hour(const Cells& cells);

}  // namespace ci::metrics
