#include "sandbox/bounds.h"

#include <gtest/gtest.h>

namespace ci::sandbox {
namespace {

constexpr std::uint64_t gigabyte = 1ull << 30, megabyte = 1ull << 20;

TEST(Bounds, LeaveRoomForTheRestOfTheMachine) {
  EXPECT_EQ(memory_of_all(20 * gigabyte), 18 * gigabyte);
  EXPECT_EQ(memory_of_all(2 * gigabyte), 2 * gigabyte - 512 * megabyte);
  EXPECT_EQ(memory_of_all(512 * megabyte), 256 * megabyte);
  EXPECT_EQ(processes_of_all(32768), 16384u);
}

TEST(Bounds, LetInAsManyRunsAsHaveRoom) {
  EXPECT_EQ(runs_at_once(20 * gigabyte, 512 * megabyte), 144u);
  EXPECT_EQ(runs_at_once(512 * megabyte, 4096 * megabyte), 4u);
  EXPECT_EQ(runs_at_once(gigabyte, 1), 512 * megabyte);
}

}  // namespace
}  // namespace ci::sandbox
