#include "app/commands/doctor/report.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string_view>

namespace ci::app {

namespace json = boost::json;

namespace {

std::string_view mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return "ok     ";
    case Verdict::weak:
      return "lacking";
    case Verdict::missing:
      return "MISSING";
  }
  return "";
}

}  // namespace

void print_for_people(const std::vector<Finding>& findings, bool usable) {
  std::string group;
  for (const Finding& finding : findings) {
    if (finding.group != group) {
      if (!group.empty()) fmt::print("\n");
      group = finding.group;
      fmt::print("{}\n", group);
    }
    fmt::print("  {}  {}: {}\n", mark(finding.verdict), finding.name, finding.detail);
    if (finding.verdict == Verdict::good) continue;
    fmt::print("           lost:   {}\n           to get: {}\n", finding.loss, finding.remedy);
  }
  fmt::print("\n{}\n", usable ? "This host can run sandboxes." : "This host cannot run sandboxes: see MISSING above.");
}

void print_as_json(const std::vector<Finding>& findings, bool usable) {
  json::array rows;
  for (const Finding& finding : findings) {
    json::object row;
    row["group"] = finding.group;
    row["name"] = finding.name;
    row["state"] = finding.verdict == Verdict::good ? "ok" : finding.verdict == Verdict::weak ? "lacking" : "missing";
    row["detail"] = finding.detail;
    if (finding.verdict != Verdict::good) {
      row["loss"] = finding.loss;
      row["remedy"] = finding.remedy;
    }
    rows.emplace_back(std::move(row));
  }
  json::object report;
  report["usable"] = usable;
  report["findings"] = std::move(rows);
  fmt::print("{}\n", json::serialize(report));
}

}  // namespace ci::app
