#include "os/machine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace ci::os {
namespace {

TEST(Machine, HasMemoryAndProcesses) {
  EXPECT_GT(usable_memory(), 64u << 20);
  EXPECT_GT(most_processes(), 100u);
}

TEST(Machine, AContainerHasNoMoreThanItsShare) {
  std::string pattern = testing::TempDir() + "cgroupXXXXXX";
  const std::filesystem::path root = ::mkdtemp(pattern.data());
  const std::uint64_t whole = usable_memory(root);
  std::ofstream(root / "memory.max") << "max\n";
  EXPECT_EQ(usable_memory(root), whole);
  std::ifstream groups("/proc/self/cgroup");
  bool second = false;
  for (std::string line; std::getline(groups, line);) second = second || line.starts_with("0::");
  std::filesystem::create_directories(root / "memory");
  std::ofstream(root / (second ? "memory.max" : "memory/memory.limit_in_bytes")) << "1048576\n";
  EXPECT_EQ(usable_memory(root), 1048576u);
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace ci::os
