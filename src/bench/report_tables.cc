#include "bench/report_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bench/server_timing.h"
#include "bench/statistics.h"
#include "bench/targets.h"

namespace ci::bench {

namespace {

std::string ms(double time) { return fmt::format("{:.2f}", time); }

// "3" or "3 / 10", and "met" or "missed".
struct Judged {
  std::string target, verdict;
};

Judged judged(const std::vector<Verdict>& verdicts, std::string_view group, std::string_view name) {
  Judged result;
  for (const Verdict& verdict : verdicts) {
    if (verdict.target.group != group || verdict.target.name != name) continue;
    if (!result.target.empty()) result.target += ", ";
    const bool rate = verdict.target.quantity == Quantity::per_second;
    result.target += rate ? fmt::format("{:g} runs/s", verdict.target.limit)
                          : fmt::format("{} {:g}", name_of(verdict.target.quantity), verdict.target.limit);
    if (!verdict.met) {
      result.verdict +=
          fmt::format("{}{}", result.verdict.empty() ? "missed " : ", ", name_of(verdict.target.quantity));
    }
  }
  if (!result.target.empty() && result.verdict.empty()) result.verdict = "met";
  return result;
}

std::vector<const Measurement*> of_group(const Report& report, std::string_view group) {
  std::vector<const Measurement*> found;
  for (const Measurement& measurement : report.measurements) {
    if (measurement.group == group) found.push_back(&measurement);
  }
  return found;
}

// The columns that every table of measurements has.
void add_times(std::vector<std::string>& row, const Measurement& measurement) {
  const Summary summary = summarize(measurement.times);
  row.push_back(std::to_string(measurement.times.size()));
  for (const double time : {summary.average, summary.p50, summary.p95, summary.p99, summary.highest})
    row.push_back(ms(time));
  row.push_back(std::to_string(count_errors(measurement)));
}

std::vector<Column> columns_of_times(std::string first) {
  return {
      Column(std::move(first), true),
      Column("requests"),
      Column("average"),
      Column("p50"),
      Column("p95"),
      Column("p99"),
      Column("max"),
      Column("errors")};
}

Table cases_table(
    const Report& report, std::string_view group, std::string title, const std::vector<Verdict>& verdicts) {
  Table table;
  table.title = std::move(title);
  const auto measurements = of_group(report, group);
  const bool bare =
      std::ranges::any_of(measurements, [](const Measurement* each) { return !each->bare_times.empty(); });
  const bool differences = group == "sequential";
  double minimal = 0;
  for (const Measurement* each : measurements) {
    if (each->name == "minimal") minimal = median(each->times);
  }
  table.columns = columns_of_times("case");
  table.columns.emplace_back("cold");
  table.columns.emplace_back("per second");
  if (differences) table.columns.emplace_back("over minimal");
  if (bare) {
    table.columns.emplace_back("bare p50");
    table.columns.emplace_back("ratio");
  }
  table.columns.emplace_back("target", true);
  table.columns.emplace_back("verdict", true);
  std::set<std::string> commands;
  for (const Measurement* each : measurements) {
    std::vector<std::string> row = {each->name};
    add_times(row, *each);
    const auto cold = count_cold(*each);
    row.push_back(cold ? std::to_string(*cold) : "");
    row.push_back(fmt::format("{:.1f}", throughput(*each)));
    const double typical = median(each->times);
    if (differences)
      row.push_back(minimal > 0 && !each->times.empty() ? fmt::format("{:+.2f}", typical - minimal) : "");
    if (bare) {
      const double yardstick = median(each->bare_times);
      const bool known = yardstick > 0 && !each->times.empty();
      row.push_back(yardstick > 0 ? ms(yardstick) : "");
      row.push_back(known ? fmt::format("{:.2f}", typical / yardstick) : "");
      if (!each->bare_command.empty()) commands.insert(each->bare_command);
    }
    const Judged target = judged(verdicts, group, each->name);
    row.push_back(target.target);
    row.push_back(target.verdict);
    table.rows.push_back(std::move(row));
  }
  table.after.push_back(
      report.pause > 0
          ? fmt::format("Times in milliseconds, one client, which pauses for {:g} s after each answer.", report.pause)
          : std::string(
                "Times in milliseconds, one client. A request is sent as soon as the one before has been answered."));
  table.after.emplace_back(
      "cold: requests that found no warm sandbox and waited for one; --pause gives the pool time to refill.");
  if (bare) {
    table.after.emplace_back(
        "bare: the same program with the tools of this machine and no sandbox, run in turns with the requests. ratio: "
        "p50 "
        "through bare p50; below 1 we are quicker.");
    std::string list;
    for (const std::string& command : commands) list += (list.empty() ? "" : ";  ") + command;
    table.after.push_back("Bare commands: " + list);
  }
  return table;
}

Table plain_table(
    const Report& report, std::string_view group, std::string title, const std::vector<Verdict>& verdicts) {
  Table table;
  table.title = std::move(title);
  table.columns = columns_of_times("what");
  for (const char* name : {"per second"}) table.columns.emplace_back(name);
  table.columns.emplace_back("target", true);
  table.columns.emplace_back("verdict", true);
  for (const Measurement* each : of_group(report, group)) {
    std::vector<std::string> row = {each->name};
    add_times(row, *each);
    row.push_back(fmt::format("{:.1f}", throughput(*each)));
    const Judged target = judged(verdicts, group, each->name);
    row.push_back(target.target);
    row.push_back(target.verdict);
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table figures_table(
    const Report& report, std::string_view group, std::string title, const std::vector<Verdict>& verdicts) {
  Table table;
  table.title = std::move(title);
  table.columns = {Column("what", true), Column("value"),         Column("unit", true),
                   Column("target"),     Column("verdict", true), Column("how", true)};
  for (const Figure& figure : report.figures) {
    if (figure.group != group) continue;
    std::string limit, verdict;
    for (const Verdict& each : verdicts) {
      if (each.target.group != group || each.target.name != figure.name) continue;
      limit = fmt::format("{:g}", each.target.limit);
      verdict = each.met ? "met" : "missed";
    }
    table.rows.push_back({figure.name, ms(figure.value), figure.unit, limit, verdict, figure.meaning});
  }
  return table;
}

double median_of_step(const Measurement& measurement, std::string_view step) {
  for (const auto& [name, times] : measurement.steps) {
    if (name == step) return median(times);
  }
  return 0;
}

Table steps_table(const Report& report) {
  Table table;
  table.title = "Where the time goes";
  std::vector<const Measurement*> measurements;
  std::vector<std::string> steps;
  for (const Measurement& each : report.measurements) {
    const bool is_shown = each.group == "languages" || each.group == "sequential" || each.group == "documents" ||
                          each.group == "files" || each.group == "kubernetes";
    if (each.steps.empty() || !is_shown) continue;
    measurements.push_back(&each);
    for (const auto& [step, times] : each.steps) {
      if (step != total_step && std::ranges::find(steps, step) == steps.end()) steps.push_back(step);
    }
  }
  // What is part of another step stands behind all others.
  std::ranges::stable_partition(steps, [](const std::string& step) { return !step.starts_with(inner_step); });
  table.columns = {Column("median ms", true), Column("client"), Column("server"), Column("outside")};
  for (const std::string& step : steps) table.columns.emplace_back(step);
  for (const Measurement* each : measurements) {
    const double client = median(each->times), server = median_of_step(*each, total_step);
    std::vector<std::string> row = {
        each->name, ms(client), server > 0 ? ms(server) : "", server > 0 ? ms(client - server) : ""};
    for (const std::string& step : steps) {
      const double time = median_of_step(*each, step);
      const double whole_time = server > 0 ? server : client;
      row.push_back(time == 0 ? "" : fmt::format("{:.2f} {:>2.0f}%", time, 100 * time / std::max(whole_time, 0.001)));
    }
    table.rows.push_back(std::move(row));
  }
  table.after = {
      "client: as everywhere in this report. server: what the server itself measured, from the last byte of the "
      "request's body "
      "until the answer is written as JSON, ready to be sent: the engine without HTTP. outside: the rest, which is "
      "reading and "
      "writing HTTP on both sides, the network, and waiting for a processor.",
      "Steps as the server names them in the header Server-Timing, with their share of the server's time. acquire (a "
      "sandbox) and "
      "prepare (session and files) happen at the same time; sandbox_… are parts of run."};
  return table;
}

Table targets_table(const std::vector<Verdict>& verdicts, const Report& report) {
  Table table;
  table.title = "Targets";
  table.columns = {
      Column("group", true), Column("what", true), Column("target", true), Column("measured"), Column("verdict", true)};
  size_t met = 0;
  for (const Verdict& verdict : verdicts) {
    std::string_view unit;
    for (const Figure& figure : report.figures) {
      if (figure.group == verdict.target.group && figure.name == verdict.target.name) unit = figure.unit;
    }
    table.rows.push_back(
        {std::string(verdict.target.group), std::string(verdict.target.name), describe(verdict.target, unit),
         ms(verdict.measured), verdict.met ? "met" : "missed"});
    if (verdict.met) ++met;
  }
  table.after.push_back(fmt::format(
      "{} of {} met. They were set for a quiet machine with 2 processors; a missed one is not an error.", met,
      verdicts.size()));
  return table;
}

Table errors_table(const Report& report) {
  Table table;
  table.title = "Errors";
  table.columns = {Column("group", true), Column("what", true), Column("times"), Column("error", true)};
  for (const Measurement& each : report.measurements) {
    for (const auto& [sentence, count] : each.errors) {
      std::string line = sentence;
      std::ranges::replace(line, '\n', ' ');
      table.rows.push_back({each.group, each.name, std::to_string(count), line});
    }
  }
  return table;
}

Table skipped_table(const Report& report) {
  Table table;
  table.title = "Left out";
  table.columns = {Column("what", true), Column("why", true)};
  for (const Skipped& each : report.skipped) table.rows.push_back({each.name, each.reason});
  return table;
}

}  // namespace

Table heading_of(const Report& report) {
  Table table;
  table.title = "KubeCodeRun bench " + report.client_version;
  const Machine& machine = report.machine;
  table.before = {
      fmt::format(
          "Server {} at {}{}", report.server_version.empty() ? "of unknown version" : report.server_version,
          report.base, report.own_server ? " (started for this, with an empty data directory)" : ""),
      fmt::format(
          "Machine: {}, {} processors, {:.1f} GB, {}, {}",
          machine.processor.empty() ? "unknown processor" : machine.processor, machine.processors, machine.memory_gb,
          machine.system, machine.kernel),
      fmt::format(
          "Load average {:.2f} before; {:.0f} % busy before", report.before.one_minute, report.before.busy * 100),
      fmt::format(
          "Each case: at most {} requests and {:.0f} s, after at most {} to warm up. Every request's program is new, "
          "unless "
          "it is called cached.",
          report.count, report.duration, report.warm_up),
      "Clock: starts before the first byte of a request is written to an open connection, stops when the last byte of "
      "the "
      "answer has been read. Bare tools: from before the first process is made until the last one's output is read and "
      "it is "
      "reaped."};
  if (const std::string warning = warn_about(report.before, machine.processors); !warning.empty()) {
    table.before.push_back("WARNING: " + warning);
  }
  return table;
}

std::vector<Table> tables_of(const Report& report) {
  const std::vector<Verdict> verdicts = judge(report);
  std::vector<Table> tables;
  const auto add = [&](Table table) {
    if (!table.rows.empty()) tables.push_back(std::move(table));
  };
  add(plain_table(report, "start", "Start of a server", verdicts));
  add(cases_table(report, "sequential", "Ten Python programs", verdicts));
  add(cases_table(report, "languages", "Languages", verdicts));
  add(cases_table(report, "documents", "Documents, pictures and films", verdicts));
  add(plain_table(report, "concurrency", "Concurrency, py hello", verdicts));
  add(plain_table(report, "state", "Runs with Python state", verdicts));
  add(figures_table(report, "state", "What Python state adds", verdicts));
  add(plain_table(report, "files", "Files", verdicts));
  add(figures_table(report, "files", "What files add", verdicts));
  add(plain_table(report, "fairness", "py hello beside programs that spin", verdicts));
  add(figures_table(report, "fairness", "Fairness", verdicts));
  add(plain_table(report, "kubernetes", "Runs in pods of a cluster", verdicts));
  add(figures_table(report, "kubernetes", "Pods", verdicts));
  add(steps_table(report));
  add(figures_table(report, "memory", "Memory", verdicts));
  add(targets_table(verdicts, report));
  add(errors_table(report));
  add(skipped_table(report));
  return tables;
}

}  // namespace ci::bench
