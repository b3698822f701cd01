#include "metrics/totals.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace ci::metrics {

using std::chrono::floor;
using std::chrono::system_clock;

const std::array<NamedTotal, 10> named_totals = {{
    {"runs", &Totals::runs},
    {"succeeded", &Totals::succeeded},
    {"failed", &Totals::failed},
    {"timed_out", &Totals::timed_out},
    {"time_us", &Totals::time_us},
    {"cpu_us", &Totals::cpu_us},
    {"memory_kb", &Totals::memory_kb},
    {"files", &Totals::files},
    {"warm", &Totals::warm},
    {"cold", &Totals::cold},
}};

namespace {

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

std::string text_of(Hour hour) {
  return fmt::format("{:%Y-%m-%d-%H}", fmt::gmtime(std::chrono::time_point_cast<std::chrono::seconds>(hour)));
}

Totals& Totals::operator+=(const Totals& other) {
  for (const NamedTotal& each : named_totals) this->*each.field += other.*each.field;
  return *this;
}

double Totals::success_rate() const { return 100 * ratio(succeeded, runs); }
double Totals::average_time_ms() const { return ratio(time_us, runs) / 1000; }
double Totals::warm_rate() const { return 100 * ratio(warm, warm + cold); }

Totals sum_of(const Cells& cells) {
  Totals sum;
  for (const Cell& cell : cells) sum += cell.totals;
  return sum;
}

std::map<std::string, Totals> by_language(const Cells& cells) {
  std::map<std::string, Totals> sums;
  for (const Cell& cell : cells) sums[cell.language] += cell.totals;
  return sums;
}

std::map<std::string, Totals> by_key(const Cells& cells) {
  std::map<std::string, Totals> sums;
  for (const Cell& cell : cells) sums[cell.key] += cell.totals;
  return sums;
}

std::map<std::string, std::map<std::string, std::int64_t>> languages_of_keys(const Cells& cells) {
  std::map<std::string, std::map<std::string, std::int64_t>> matrix;
  for (const Cell& cell : cells) matrix[cell.language][cell.key] += cell.totals.runs;
  return matrix;
}

std::map<system_clock::time_point, Totals> by_hour(const Cells& cells) {
  std::map<system_clock::time_point, Totals> sums;
  for (const Cell& cell : cells) sums[cell.hour] += cell.totals;
  return sums;
}

std::map<system_clock::time_point, Totals> by_day(const Cells& cells) {
  std::map<system_clock::time_point, Totals> sums;
  for (const Cell& cell : cells) sums[floor<std::chrono::days>(cell.hour)] += cell.totals;
  return sums;
}

std::array<std::array<std::int64_t, 24>, 7> by_weekday_and_hour(const Cells& cells) {
  std::array<std::array<std::int64_t, 24>, 7> counts{};
  for (const Cell& cell : cells) {
    const auto day = floor<std::chrono::days>(cell.hour);
    const unsigned weekday = std::chrono::weekday(day).iso_encoding() - 1;
    counts[weekday][static_cast<std::size_t>((cell.hour - day).count())] += cell.totals.runs;
  }
  return counts;
}

}  // namespace ci::metrics
