#include "bench/machine.h"

#include <gtest/gtest.h>

namespace ci::bench {
namespace {

TEST(Machine, ValuesAreFoundBehindTheirKeys) {
  EXPECT_EQ(value_of_key("ID=debian\nPRETTY_NAME=\"Debian 12\"\n", "PRETTY_NAME", '='), "Debian 12");
  EXPECT_EQ(value_of_key("processor\t: 0\nmodel name\t: A: B\n", "model name", ':'), "A: B");
  EXPECT_EQ(value_of_key("a: 1\n", "b", ':'), "");
  EXPECT_EQ(value_of_key("a: \n", "a", ':'), "");
}

TEST(Machine, IdleTimeIsNotBusy) {
  // user nice system idle iowait irq softirq steal guest
  const ProcessorTime time = parse_processor_time("cpu  10 1 5 80 4 0 0 2 9\ncpu0 1 1 1 1\n");
  EXPECT_EQ(time.busy, 18);
  EXPECT_EQ(time.all, 102);
  EXPECT_EQ(parse_processor_time("").all, 0);
}

TEST(Machine, WarnsWhenOtherWorkDisturbs) {
  Load load;
  EXPECT_EQ(warn_about(load, 2), "");
  load.one_minute = 0.4;
  EXPECT_EQ(warn_about(load, 2), "");
  EXPECT_NE(warn_about(load, 1), "");
  load.one_minute = 0;
  load.busy = 0.5;
  EXPECT_NE(warn_about(load, 2).find("50 % busy"), std::string::npos);
}

TEST(Machine, KnowsTheOneItRunsOn) {
  const Machine machine = describe_machine();
  EXPECT_GT(machine.processors, 0);
  EXPECT_GT(machine.memory_gb, 0);
  EXPECT_TRUE(machine.kernel.starts_with("Linux "));
}

}  // namespace
}  // namespace ci::bench
