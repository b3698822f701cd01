#include "bench/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "bench/report_json.h"
#include "bench/report_tables.h"

namespace ci::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Report example() {
  Report report;
  report.client_version = "1.2.3";
  report.base = "http://127.0.0.1:1";
  report.count = 2;
  report.duration = 10;
  report.machine.processors = 2;
  Measurement hello("languages", "py hello");
  hello.language = "py";
  hello.times = {2, 4};
  hello.seconds = 0.5;
  hello.errors["stdout is \"x\ny\""] = 3;
  hello.bare_command = "python3 code.py";
  hello.bare_times = {30};
  add_steps(hello.steps, {{"acquire", 0.5}, {"sandbox_place", 0.1}, {"run", 1.0}, {"total", 2.0}});
  report.measurements.push_back(hello);
  report.figures.emplace_back("memory", "warm py/stdlib", 5, "MB", "private memory");
  report.skipped.emplace_back("opencv", "the server has no module named 'cv2'");
  return report;
}

const Table* titled(const std::vector<Table>& tables, std::string_view title) {
  for (const Table& table : tables) {
    if (table.title == title) return &table;
  }
  return nullptr;
}

TEST(Report, TablesHoldWhatWasMeasuredAndNothingElse) {
  const auto tables = tables_of(example());
  ASSERT_NE(titled(tables, "Languages"), nullptr);
  EXPECT_EQ(titled(tables, "Ten Python programs"), nullptr);
  const std::string languages = as_text(*titled(tables, "Languages"));
  EXPECT_THAT(languages, HasSubstr("p50 3, p99 10"));
  EXPECT_THAT(languages, HasSubstr("met"));
  EXPECT_THAT(languages, HasSubstr("0.10"));  // 3 ms through 30 ms
  EXPECT_THAT(languages, HasSubstr("python3 code.py"));
  EXPECT_THAT(as_text(*titled(tables, "Left out")), HasSubstr("cv2"));
  EXPECT_THAT(as_text(*titled(tables, "Memory")), HasSubstr("missed"));
  EXPECT_THAT(as_text(*titled(tables, "Targets")), HasSubstr("2 of 3 met"));
}

TEST(Report, CountsWhoFoundNothingWarm) {
  Measurement measurement("languages", "r hello");
  EXPECT_FALSE(count_cold(measurement));
  for (const double time : {0.1, 300.0, 0.2, 2.5}) add_steps(measurement.steps, {{"acquire", time}});
  EXPECT_EQ(count_cold(measurement), 2);
}

TEST(Report, ErrorsStayOnOneLine) {
  const auto tables = tables_of(example());
  ASSERT_NE(titled(tables, "Errors"), nullptr);
  EXPECT_EQ(titled(tables, "Errors")->rows.size(), 1);
  EXPECT_THAT(as_text(*titled(tables, "Errors")), HasSubstr("stdout is \"x y\""));
}

TEST(Report, StepsAreSharesOfTheServersTime) {
  const Report report = example();
  const auto tables = tables_of(report);
  const std::string text = as_text(*titled(tables, "Where the time goes"));
  EXPECT_THAT(text, HasSubstr("0.50 25%"));
  EXPECT_THAT(text, HasSubstr("1.00 50%"));
  const Table& table = *titled(tables, "Where the time goes");
  EXPECT_EQ(table.columns.back().title, "sandbox_place");  // a part of run stands behind the steps
  for (const Column& column : table.columns) EXPECT_NE(column.title, "total");
}

TEST(Report, ABusyMachineIsSaid) {
  Report report = example();
  EXPECT_THAT(as_text(heading_of(report)), Not(HasSubstr("WARNING")));
  report.before.one_minute = 3;
  EXPECT_THAT(as_text(heading_of(report)), HasSubstr("WARNING"));
}

TEST(Report, JsonHoldsEverything) {
  const boost::json::value root = boost::json::parse(json_of(example()));
  EXPECT_EQ(root.at_pointer("/measurements/0/samples").as_array().size(), 2);
  EXPECT_EQ(root.at_pointer("/measurements/0/milliseconds/p50").to_number<double>(), 3);
  EXPECT_EQ(root.at_pointer("/measurements/0/per_second").to_number<double>(), 4);
  EXPECT_EQ(root.at_pointer("/measurements/0/errors").to_number<int>(), 3);
  EXPECT_EQ(root.at_pointer("/measurements/0/bare/ratio").to_number<double>(), 0.1);
  EXPECT_EQ(root.at_pointer("/measurements/0/step_medians/run").to_number<double>(), 1);
  EXPECT_EQ(root.at_pointer("/figures/0/unit").as_string(), "MB");
  EXPECT_EQ(root.at_pointer("/targets/0/met").as_bool(), true);
  EXPECT_EQ(root.at_pointer("/skipped/0/name").as_string(), "opencv");
  EXPECT_EQ(root.at_pointer("/machine/processors").to_number<int>(), 2);
}

TEST(Report, AnEmptyOneIsStillAReport) {
  const Report nothing;
  EXPECT_TRUE(tables_of(nothing).empty());
  EXPECT_NO_THROW(boost::json::parse(json_of(nothing)));
}

}  // namespace
}  // namespace ci::bench
