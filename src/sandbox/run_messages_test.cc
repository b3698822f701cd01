#include "sandbox/run_messages.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ci::sandbox {
namespace {

TEST(RunMessages, AnOrderComesBackAsItWas) {
  const StartOrder order{30000, 60000, 10 << 20, 1100, 32 << 20, StateKept::after_success, 64 << 20, "AP"};
  const std::string message = start_message(order);
  Reader reader(message);
  EXPECT_EQ(reader.tag(), Tag::start);
  EXPECT_EQ(read_start(reader), order);
  EXPECT_TRUE(reader.at_end());
}

TEST(RunMessages, AReportComesBackAsItWas) {
  RunReport report;
  report.timed_out = true;
  report.interrupted = true;
  report.status = -7;
  report.wall_time = 1;
  report.cpu_time = 2;
  report.peak_memory = 3ull << 40;
  report.placing = 4;
  report.reaping = 5;
  report.while_compiling = true;
  report.compile_time = 6;
  report.state_captured = true;
  report.state_note = "3.11 numpy";
  report.unplaced = {0, 7, 4000000000};
  const std::string message = report_message(report);
  Reader reader(message);
  EXPECT_EQ(reader.tag(), Tag::ended);
  EXPECT_EQ(read_report(reader), report);
  EXPECT_TRUE(reader.at_end());
}

TEST(RunMessages, WhatIsCutOffOrUnknownFails) {
  const std::string message = start_message({});
  Reader cut(std::string_view(message).substr(0, message.size() - 1));
  EXPECT_THROW(read_start(cut), Failure);
  StartOrder with_state;
  with_state.state = StateKept::after_success;
  std::string odd = start_message(with_state);
  *std::ranges::mismatch(odd, message).in1 = 9;  // there are not so many states
  Reader unknown(odd);
  EXPECT_THROW(read_start(unknown), Failure);
}

}  // namespace
}  // namespace ci::sandbox
