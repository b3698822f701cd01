#include "base/time_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <charconv>

namespace ci {

namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::system_clock;

template <class Unit>
std::string formatted(system_clock::time_point time, const char* fraction, const char* zone) {
  const auto whole = std::chrono::floor<seconds>(time);
  const auto rest = std::chrono::duration_cast<Unit>(time - whole).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(system_clock::to_time_t(whole))) +
         fmt::format(fmt::runtime(fraction), rest) + zone;
}

bool read_number(std::string_view text, size_t offset, size_t length, int& into) {
  if (text.size() < offset + length) return false;
  const char* begin = text.data() + offset;
  const auto [end, error] = std::from_chars(begin, begin + length, into);
  return error == std::errc() && end == begin + length;
}

}  // namespace

std::string iso_time(system_clock::time_point time) { return formatted<microseconds>(time, ".{:06}", "+00:00"); }

std::string iso_time_z(system_clock::time_point time) {
  return formatted<std::chrono::milliseconds>(time, ".{:03}", "Z");
}

std::optional<system_clock::time_point> parse_iso_time(std::string_view text) {
  int year, month, day, hour, minute, second;
  if (!read_number(text, 0, 4, year) || !read_number(text, 5, 2, month) || !read_number(text, 8, 2, day) ||
      !read_number(text, 11, 2, hour) || !read_number(text, 14, 2, minute) || !read_number(text, 17, 2, second)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
      std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  // The clock counts nanoseconds: it ends in 2262, and "never" is written as the year 9999.
  if (year > 2200 || year < 1900) return std::nullopt;
  system_clock::time_point time =
      std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) + seconds(second);
  if (text.size() > 20 && text[19] == '.') {
    int digits = 0;
    long long fraction = 0;
    for (size_t i = 20; i < text.size() && text[i] >= '0' && text[i] <= '9' && digits < 6; ++i, ++digits) {
      fraction = fraction * 10 + (text[i] - '0');
    }
    for (; digits < 6; ++digits) fraction *= 10;
    time += microseconds(fraction);
  }
  return time;
}

}  // namespace ci
