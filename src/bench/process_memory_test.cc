#include "bench/process_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace ci::bench {
namespace {

using ::testing::ElementsAre;

TEST(ProcessMemory, ReadsWhatTheKernelWrites) {
  const std::string status =
      "Name:\tpython3\nState:\tS (sleeping)\nPid:\t15008\nPPid:\t14975\nNSpid:\t15008\t42\t3\nVmPTE:\t     132 kB\n";
  const Process process = parse_status(status);
  EXPECT_EQ(process.name, "python3");
  EXPECT_EQ(process.pid, 15008);
  EXPECT_EQ(process.parent, 14975);
  EXPECT_THAT(process.namespace_pids, ElementsAre(15008, 42, 3));
  const Memory memory = parse_memory(
      "00400000-7fff [rollup]\nRss:  20000 kB\nPss:  9438 kB\nPss_Anon: 1 kB\nPrivate_Clean:  4 kB\nPrivate_Dirty:  "
      "2400 kB\n",
      status);
  EXPECT_EQ(memory.private_kb, 2404);
  EXPECT_EQ(memory.proportional_kb, 9438);
  EXPECT_EQ(memory.page_tables_kb, 132);
}

TEST(ProcessMemory, TellsGuestsApart) {
  EXPECT_EQ(kind_of_guest("kubecoderun", "", ""), "shell");
  EXPECT_EQ(kind_of_guest("node", "", ""), "node");
  using namespace std::string_view_literals;
  EXPECT_EQ(
      kind_of_guest("node", "node\0--require\0/runtimes/node/wait.js\0/mnt/data/code.js\0"sv, ""), "node (wait.js)");
  EXPECT_EQ(kind_of_guest("java", "java\0/runtimes/java\0"sv, ""), "java");
  EXPECT_EQ(kind_of_guest("python3.11", "", "7f /usr/lib/python3/dist-packages/yaml/_yaml.so\n"), "py/stdlib");
  EXPECT_EQ(kind_of_guest("python3.11", "", "a/numpy/core/x.so\nb/pandas/_libs/y.so\n"), "py/pandas");
  EXPECT_EQ(
      kind_of_guest("python3.11", "", "a/numpy/x.so\nb/pandas/y.so\nc/matplotlib/z.so\nd/sklearn/w.so"), "py/full");
}

TEST(ProcessMemory, LooksAtRealProcesses) {
  const auto own = memory_below(::getpid());
  ASSERT_TRUE(own);
  EXPECT_TRUE(own->sandboxes.empty());
  ASSERT_FALSE(own->others.empty());
  EXPECT_GT(own->others.begin()->second.private_kb, 100);
  EXPECT_FALSE(memory_below(0x3fffffff));
}

}  // namespace
}  // namespace ci::bench
