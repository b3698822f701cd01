#include "metrics/history.h"

#include <tuple>

namespace ci::metrics {

Totals totals_of(const RunRecord& run) {
  Totals totals;
  totals.runs = 1;
  totals.timed_out = run.outcome == "timed_out";
  totals.succeeded = run.outcome == "exited" && run.exit_code == 0;
  totals.failed = !totals.succeeded && !totals.timed_out && run.outcome != "cancelled";
  totals.time_us = run.total_time.count();
  totals.cpu_us = run.cpu_time.count();
  totals.memory_kb = static_cast<std::int64_t>(run.peak_memory / 1024);
  totals.files = static_cast<std::int64_t>(run.files);
  totals.warm = run.sandbox == Found::warm;
  totals.cold = run.sandbox == Found::made;
  return totals;
}

Cell cell_of(const RunRecord& run) {
  Cell cell;
  cell.hour = std::chrono::floor<std::chrono::hours>(run.begin);
  cell.key = run.key;
  cell.language = run.language;
  cell.totals = totals_of(run);
  return cell;
}

Cells gathered(const Cells& cells, By by) {
  std::map<std::tuple<Hour, std::string, std::string>, Totals> sums;
  for (const Cell& cell : cells) {
    std::tuple<Hour, std::string, std::string> place;
    if (has(by, By::hour)) std::get<0>(place) = cell.hour;
    if (has(by, By::key)) std::get<1>(place) = cell.key;
    if (has(by, By::language)) std::get<2>(place) = cell.language;
    sums[place] += cell.totals;
  }
  Cells found;
  for (const auto& [place, totals] : sums) {
    Cell& cell = found.emplace_back();
    std::tie(cell.hour, cell.key, cell.language) = place;
    cell.totals = totals;
  }
  return found;
}

}  // namespace ci::metrics
