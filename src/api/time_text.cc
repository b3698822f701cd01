#include "api/time_text.h"

#include <fmt/format.h>

namespace ci::api {

namespace {

// Up to the second, and what is left over.
std::string to_the_second(std::chrono::system_clock::time_point time, std::chrono::microseconds& rest) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<microseconds>(time - day));
  rest = clock.subseconds();
  return fmt::format(
      "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace

std::string iso_milliseconds(std::chrono::system_clock::time_point time) {
  std::chrono::microseconds rest{};
  const std::string text = to_the_second(time, rest);
  return fmt::format("{}.{:03}Z", text, rest.count() / 1000);
}

std::string iso_microseconds(std::chrono::system_clock::time_point time) {
  std::chrono::microseconds rest{};
  const std::string text = to_the_second(time, rest);
  return fmt::format("{}.{:06}+00:00", text, rest.count());
}

}  // namespace ci::api
