#pragma once
// What a key may use: how often in each period, and how much at once.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci::access {

enum class Period { second, minute, hour, day, month };
inline constexpr std::array all_periods = {Period::second, Period::minute, Period::hour, Period::day, Period::month};

// Requests of each period of the calendar, in UTC; nothing: as many as one likes.
struct RateLimits {
  std::array<std::optional<std::int64_t>, all_periods.size()> most;

  std::optional<std::int64_t>& operator[](Period period) { return most[static_cast<std::size_t>(period)]; }
  const std::optional<std::int64_t>& operator[](Period period) const { return most[static_cast<std::size_t>(period)]; }
  bool none() const;
  bool operator==(const RateLimits&) const = default;
};

// What a single run may take; a request may ask for less, never for more.
struct Ceilings {
  Ceilings() = default;
  std::optional<std::int64_t> runs_at_once;
  std::optional<std::chrono::seconds> run_time;
  std::optional<std::uint64_t> memory_bytes;
  std::vector<std::string> languages;  // canonical codes; empty: all
  std::vector<std::string>
      package_sets;  // that a run may name; the first is that of a run that names none. Empty: any, and none
  bool allows(std::string_view language) const;
  bool operator==(const Ceilings&) const = default;
};

// "per_second", "per_minute", "hourly", "daily", "monthly": as clients and the administration know them.
std::string_view name_of(Period period);

// One run of a period: the name that it has in keys of counters, and when the next one begins.
struct Window {
  std::string name;  // "second:2026-01-09-10:20:55", "hour:2026-01-09-10"
  std::chrono::system_clock::time_point end;
};
Window window_at(Period period, std::chrono::system_clock::time_point time);

// How long a counter of this period is kept: twice the period, so that usage can be read a little later.
std::chrono::milliseconds life_of(Period period);

}  // namespace ci::access
