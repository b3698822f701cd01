#include "access/limits.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ci::access {

using std::chrono::system_clock;

bool RateLimits::none() const {
  return std::ranges::none_of(most, [](const auto& limit) { return limit.has_value(); });
}

bool Ceilings::allows(std::string_view language) const {
  return languages.empty() || std::ranges::find(languages, language) != languages.end();
}

std::string_view name_of(Period period) {
  switch (period) {
    case Period::second:
      return "per_second";
    case Period::minute:
      return "per_minute";
    case Period::hour:
      return "hourly";
    case Period::day:
      return "daily";
    case Period::month:
      return "monthly";
  }
  std::unreachable();
}

Window window_at(Period period, system_clock::time_point time) {
  using namespace std::chrono;
  const std::tm utc = fmt::gmtime(floor<seconds>(time));
  switch (period) {
    case Period::second:
      return {fmt::format("second:{:%Y-%m-%d-%H:%M:%S}", utc), floor<seconds>(time) + seconds(1)};
    case Period::minute:
      return {fmt::format("minute:{:%Y-%m-%d-%H:%M}", utc), floor<minutes>(time) + minutes(1)};
    case Period::hour:
      return {fmt::format("hour:{:%Y-%m-%d-%H}", utc), floor<hours>(time) + hours(1)};
    case Period::day:
      return {fmt::format("day:{:%Y-%m-%d}", utc), floor<days>(time) + days(1)};
    case Period::month: {
      const year_month_day today(floor<days>(time));
      const year_month_day next = (today.year() / today.month() + months(1)) / day(1);
      return {fmt::format("month:{:%Y-%m}", utc), sys_days(next)};
    }
  }
  std::unreachable();
}

std::chrono::milliseconds life_of(Period period) {
  using namespace std::chrono;
  switch (period) {
    case Period::second:
      return seconds(2);
    case Period::minute:
      return seconds(120);
    case Period::hour:
      return seconds(7200);
    case Period::day:
      return seconds(172800);
    case Period::month:
      return seconds(2764800);
  }
  std::unreachable();
}

}  // namespace ci::access
