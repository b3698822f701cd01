#include "bench/targets.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bench/cases.h"

namespace ci::bench {
namespace {

const Verdict* verdict_on(const std::vector<Verdict>& verdicts, std::string_view name, Quantity quantity) {
  const auto found = std::ranges::find_if(verdicts, [&](const Verdict& verdict) {
    return verdict.target.name == name && verdict.target.quantity == quantity;
  });
  return found == verdicts.end() ? nullptr : &*found;
}

TEST(Targets, JudgeWhatWasMeasured) {
  Report report;
  Measurement hello("languages", "py hello");
  hello.times = std::vector<double>(98, 2.5);
  hello.times.insert(hello.times.end(), {40, 40});
  report.measurements.push_back(hello);
  Measurement loop("concurrency", "50 clients");
  loop.times = std::vector<double>(1000, 200);
  loop.seconds = 5;
  report.measurements.push_back(loop);
  report.figures.emplace_back("state", "x = 42 adds", 1.5, "ms", "");

  const auto verdicts = judge(report);
  ASSERT_EQ(verdicts.size(), 5);
  EXPECT_TRUE(verdict_on(verdicts, "py hello", Quantity::p50)->met);
  EXPECT_FALSE(verdict_on(verdicts, "py hello", Quantity::p99)->met);
  EXPECT_FALSE(verdict_on(verdicts, "50 clients", Quantity::per_second)->met);
  EXPECT_EQ(verdict_on(verdicts, "50 clients", Quantity::per_second)->measured, 200);
  EXPECT_TRUE(verdict_on(verdicts, "50 clients", Quantity::p99)->met);
  EXPECT_TRUE(verdict_on(verdicts, "x = 42 adds", Quantity::value)->met);
}

TEST(Targets, NothingMeasuredIsNotJudged) {
  Report report;
  report.measurements.emplace_back("languages", "py hello");  // only errors
  report.measurements.emplace_back("sequential", "numpy");    // no target
  EXPECT_TRUE(judge(report).empty());
}

TEST(Targets, NameCasesThatExist) {
  for (const Target& target : targets()) {
    if (target.group != "languages") continue;
    EXPECT_EQ(case_named(target.name).group, target.group) << target.name;
  }
}

TEST(Targets, AreReadable) {
  EXPECT_EQ(describe({"", "", Quantity::p50, 3}, ""), "p50 ≤ 3 ms");
  EXPECT_EQ(describe({"", "", Quantity::per_second, 250}, ""), "≥ 250 runs/s");
  EXPECT_EQ(describe({"", "", Quantity::value, 2}, "times"), "≤ 2 times");
}

}  // namespace
}  // namespace ci::bench
