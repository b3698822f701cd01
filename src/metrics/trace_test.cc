#include "metrics/trace.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/failure.h"
#include "metrics/spans.h"
#include "metrics/trace_exporter.h"

namespace ci::metrics {
namespace {

using namespace std::chrono_literals;

constexpr const char* good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Traceparent, IsReadAsTheSpecificationSays) {
  const auto context = parse_traceparent(good);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->parent_id, "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_FALSE(parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")->sampled);
  EXPECT_TRUE(parse_traceparent("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
}

TEST(Traceparent, AnythingElseIsNone) {
  for (const char* bad :
       {"", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01"}) {
    EXPECT_FALSE(parse_traceparent(bad)) << bad;
  }
}

RunRecord traced() {
  RunRecord run;
  run.trace = *parse_traceparent(good);
  run.begin = std::chrono::system_clock::time_point(1s);
  run.total_time = 100ms;
  run.outcome = "exited";
  run.steps = {{"resolve", 1000}, {"acquire", 5000}, {"prepare", 3000},       {"cached", 0},
               {"run", 50000},    {"store", 2000},   {"sandbox place", 4000}, {"sandbox program", 40000}};
  return run;
}

TEST(Spans, LieInTheRunOneAfterTheOther) {
  int number = 0;
  const auto spans = spans_of(traced(), [&] { return std::to_string(++number); });
  ASSERT_EQ(spans.size(), 8u);
  EXPECT_EQ(spans[0].name, "execute");
  EXPECT_EQ(spans[0].parent, "00f067aa0ba902b7");
  EXPECT_EQ(spans[0].end - spans[0].begin, 100ms);
  for (const RunSpan& span : spans) {
    EXPECT_GE(span.begin, spans[0].begin);
    EXPECT_LE(span.end, spans[0].end);
  }
  EXPECT_EQ(spans[2].name, "acquire");
  EXPECT_EQ(spans[3].name, "prepare");
  EXPECT_EQ(spans[3].begin, spans[2].begin);  // at the same time
  EXPECT_EQ(spans[4].name, "run");
  EXPECT_EQ(spans[4].begin, spans[2].end);
  EXPECT_EQ(spans[7].name, "program");
  EXPECT_EQ(spans[7].parent, spans[4].id);
}

TEST(Spans, AreTheJsonOfTheProtocol) {
  const std::vector<RunRecord> runs = {traced()};
  const auto body = boost::json::parse(otlp_json(runs, "service", "1.0"));
  const auto& resource = body.at("resourceSpans").at(0);
  EXPECT_EQ(resource.at("resource").at("attributes").at(0).at("value").at("stringValue").as_string(), "service");
  const auto& span = resource.at("scopeSpans").at(0).at("spans").at(0);
  EXPECT_EQ(span.at("traceId").as_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(span.at("startTimeUnixNano").as_string(), "1000000000");
  EXPECT_EQ(span.at("spanId").as_string().size(), 16u);
}

TEST(OtlpHeaders, AreNamesAndValues) {
  const auto headers = parse_headers("authorization=Bearer%20x,tenant=a=b");
  ASSERT_EQ(headers.size(), 2u);
  EXPECT_EQ(headers[0].second, "Bearer x");
  EXPECT_EQ(headers[1].second, "a=b");
  EXPECT_TRUE(parse_headers("").empty());
  EXPECT_THROW(parse_headers("nothing"), Failure);
  EXPECT_THROW(parse_headers("a=%0d%0ab"), Failure);
}

}  // namespace
}  // namespace ci::metrics
