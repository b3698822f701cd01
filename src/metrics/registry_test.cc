#include "metrics/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Registry, WritesCountersAndGaugesInBothFormats) {
  Registry registry;
  Counter& runs = registry.counter("runs", "Runs that \"ended\".", {"language", "outcome"});
  runs.add({"py", "success"});
  runs.add({"py", "success"}, 2);
  runs.add({"a\"b\\\n", "failure"});
  registry.gauge("warm", "Sandboxes that wait.", {}, [](const Emit& emit) { emit({}, 7); });
  registry.counter_of("hits", "Warm ones given out.", {}, [](const Emit& emit) { emit({}, 3); });
  const std::string plain = registry.text(Format::prometheus);
  EXPECT_THAT(plain, HasSubstr("# HELP runs_total Runs that \"ended\".\n# TYPE runs_total counter\n"));
  EXPECT_THAT(plain, HasSubstr("runs_total{language=\"py\",outcome=\"success\"} 3\n"));
  EXPECT_THAT(plain, HasSubstr("runs_total{language=\"a\\\"b\\\\\\n\",outcome=\"failure\"} 1\n"));
  EXPECT_THAT(plain, HasSubstr("# TYPE warm gauge\nwarm 7\n"));
  EXPECT_THAT(plain, HasSubstr("hits_total 3\n"));
  EXPECT_THAT(plain, Not(HasSubstr("# EOF")));
  const std::string open = registry.text(Format::openmetrics);
  EXPECT_THAT(open, HasSubstr("# TYPE runs counter\n"));
  EXPECT_THAT(open, HasSubstr("runs_total{language=\"py\",outcome=\"success\"} 3\n"));
  EXPECT_TRUE(open.ends_with("# EOF\n"));
}

TEST(Registry, HistogramsCountWhatIsAtOrBelowEachBound) {
  Registry registry;
  Histogram& latency = registry.latency("request_seconds", "Time.", {"route"});
  for (const double value : {0.0001, 0.0005, 0.004, 59.0, 61.0}) latency.observe({"/exec"}, value);
  latency.observe({"/exec"}, 0.003, "4bf92f3577b34da6a3ce929d0e0e4736");
  const std::string text = registry.text(Format::prometheus);
  EXPECT_THAT(text, HasSubstr("request_seconds_bucket{le=\"0.0005\",route=\"/exec\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("request_seconds_bucket{le=\"0.005\",route=\"/exec\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("request_seconds_bucket{le=\"60\",route=\"/exec\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("request_seconds_bucket{le=\"+Inf\",route=\"/exec\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("request_seconds_count{route=\"/exec\"} 6\n"));
  EXPECT_THAT(text, Not(HasSubstr("trace_id")));
  const std::string open = registry.text(Format::openmetrics);
  EXPECT_THAT(open, HasSubstr("le=\"60.0\""));
  EXPECT_THAT(
      open, HasSubstr("{le=\"0.005\",route=\"/exec\"} 4 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.003 "));
}

TEST(Registry, QuantilesAreInsideTheirBucket) {
  Registry registry;
  Histogram& latency = registry.latency("t", "Time.", {});
  EXPECT_EQ(latency.quantile({}, 0.5), 0);
  for (int i = 0; i < 99; ++i) latency.observe({}, 0.003);
  latency.observe({}, 3);
  EXPECT_GT(latency.quantile({}, 0.5), 0.0025);
  EXPECT_LE(latency.quantile({}, 0.5), 0.005);
  EXPECT_LE(latency.quantile({}, 0.98), 0.005);
  EXPECT_GT(latency.quantile({}, 0.995), 2.5);
}

TEST(Registry, NamesOfClientsDoNotMakeItGrow) {
  Registry registry;
  Counter& counter = registry.counter("c", "Count.", {"who"});
  for (std::size_t i = 0; i < 3 * most_series; ++i) counter.add({std::to_string(i)});
  EXPECT_EQ(counter.value({"other"}), 2.0 * most_series);
  counter.add({"0"});
  EXPECT_EQ(counter.value({"0"}), 2);
}

}  // namespace
}  // namespace ci::metrics
