#include "app/bench/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

namespace ci::bench {

namespace {

namespace json = boost::json;

constexpr std::string_view baseline_name = "bare python3";

std::string row(std::string_view name, const Summary& summary, int errors, double per_second) {
  return fmt::format(
      "{:<16} {:>9.2f} {:>9.2f} {:>9.2f} {:>9.2f} {:>7} {:>10.1f}\n", name, summary.p50, summary.p95, summary.p99, summary.highest,
      errors, per_second);
}

double throughput(const CaseResult& result) {
  return result.seconds > 0 ? static_cast<double>(result.times.size()) / result.seconds : 0;
}

json::object to_json(const Summary& summary) {
  json::object object;
  object["p50"] = summary.p50;
  object["p95"] = summary.p95;
  object["p99"] = summary.p99;
  object["min"] = summary.lowest;
  object["max"] = summary.highest;
  object["average"] = summary.average;
  return object;
}

}  // namespace

int count_errors(const CaseResult& result) {
  int sum = 0;
  for (const auto& [sentence, count] : result.errors) sum += count;
  return sum;
}

std::string table_of(const Report& report) {
  std::string text = fmt::format(
      "{:<16} {:>9} {:>9} {:>9} {:>9} {:>7} {:>10}\n", "milliseconds", "p50", "p95", "p99", "max", "errors", "runs/s");
  for (const CaseResult& result : report.cases) {
    text += row(result.name, summarize(result.times), count_errors(result), throughput(result));
  }
  double bare = 0;
  if (report.baseline) {
    const Summary summary = summarize(*report.baseline);
    bare = summary.p50;
    text += row(baseline_name, summary, 0, summary.average > 0 ? 1000 / summary.average : 0);
  }
  for (const CaseResult& result : report.cases) {
    if (result.steps.empty()) continue;
    text += fmt::format("\n{}, on the server (median ms):", result.name);
    for (const auto& [step, times] : result.steps) text += fmt::format("  {} {:.2f}", step, median(times));
  }
  text += '\n';
  for (const CaseResult& result : report.cases) {
    for (const auto& [sentence, count] : result.errors) text += fmt::format("{}: {} × {}\n", result.name, count, sentence);
  }
  if (bare > 0) {
    for (const CaseResult& result : report.cases) {
      if (result.language != "py" || result.times.empty()) continue;
      text += fmt::format("{} takes {:.2f} times as long as a bare python3 that prints hello\n", result.name, median(result.times) / bare);
    }
  }
  return text;
}

std::string json_of(const Report& report) {
  json::object root;
  root["base"] = report.base;
  root["begin"] = report.begin;
  root["end"] = report.end;
  root["load_before"] = report.load_before;
  json::array cases;
  const double bare = report.baseline ? median(*report.baseline) : 0;
  for (const CaseResult& result : report.cases) {
    json::object item;
    item["name"] = result.name;
    item["language"] = result.language;
    item["requests"] = result.requests;
    item["clients"] = result.clients;
    item["errors"] = count_errors(result);
    item["seconds"] = result.seconds;
    item["per_second"] = throughput(result);
    item["milliseconds"] = to_json(summarize(result.times));
    json::object steps;
    for (const auto& [step, times] : result.steps) steps[step] = median(times);
    item["step_medians"] = std::move(steps);
    if (bare > 0 && result.language == "py") item["times_bare_python"] = median(result.times) / bare;
    json::object errors;
    for (const auto& [sentence, count] : result.errors) errors[sentence] = count;
    if (!errors.empty()) item["error_sentences"] = std::move(errors);
    json::array samples;
    for (const double time : result.times) samples.emplace_back(time);
    item["samples"] = std::move(samples);
    cases.emplace_back(std::move(item));
  }
  root["cases"] = std::move(cases);
  if (report.baseline) root["bare_python"] = to_json(summarize(*report.baseline));
  return json::serialize(root) + "\n";
}

}  // namespace ci::bench
