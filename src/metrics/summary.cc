#include "metrics/summary.h"

#include <algorithm>

#include "metrics/report.h"

namespace ci::metrics {

namespace json = boost::json;
using std::chrono::hours;
using std::chrono::system_clock;

namespace {

constexpr std::size_t most_top_languages = 5;

}  // namespace

int hours_of(const Span& span) { return static_cast<int>(std::chrono::round<hours>(span.end - span.begin).count()); }

std::vector<std::pair<std::string, Totals>> most_used_first(const std::map<std::string, Totals>& totals) {
  std::vector<std::pair<std::string, Totals>> all(totals.begin(), totals.end());
  std::ranges::stable_sort(all, std::ranges::greater(), [](const auto& entry) { return entry.second.runs; });
  return all;
}

awaitable<json::object> summarize(History& history, Span span) {
  const auto now = system_clock::now();
  const Span day{now - hours(24), now};
  const Cells cells = co_await history.cells(span, "", By::key | By::language);
  const Cells today = co_await history.cells(day, "", By::nothing);
  const std::map<Hour, Counts> counts = co_await history.counts(span);
  const Totals sum = sum_of(cells);
  const auto this_hour = counts.find(std::chrono::floor<hours>(now));
  const Counts all = sum_of(counts);

  json::object body;
  json::object& summary = body["summary"].emplace_object();
  summary["total_executions"] = sum.runs;
  summary["total_executions_today"] = sum_of(today).runs;
  summary["total_executions_hour"] = this_hour == counts.end() ? 0 : value_of(this_hour->second, "runs");
  summary["success_rate"] = sum.success_rate();
  summary["avg_execution_time_ms"] = sum.average_time_ms();
  summary["active_api_keys"] = static_cast<std::int64_t>(
      std::ranges::count_if(by_key(cells), [](const auto& entry) { return !entry.first.empty(); }));
  summary["pool_hit_rate"] = sum.warm_rate();
  json::array top;
  json::object languages;
  for (const auto& [language, totals] : most_used_first(by_language(cells))) {
    if (top.size() < most_top_languages) {
      json::object entry;
      entry["language"] = language;
      entry["count"] = totals.runs;
      top.push_back(std::move(entry));
    }
    languages[language] = describe_language(language, totals);
  }
  summary["top_languages"] = std::move(top);
  body["by_language"] = std::move(languages);
  body["pool_stats"] = pool_statistics(all);
  body["period_hours"] = hours_of(span);
  co_return body;
}

}  // namespace ci::metrics
