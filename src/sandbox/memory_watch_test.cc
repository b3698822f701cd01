#include "sandbox/memory_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "os/message_socket.h"

namespace ci::sandbox {
namespace {

const std::string head = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n";

std::string line(const std::string& waiting) {
  return "0000000012345678 0   123        00000000 " + waiting + "        0        0     2        0        99\n";
}

std::uint64_t sum(const std::string& text, std::uint64_t most = 1 << 20) {
  return queued_for_netlink(os::memory_file("netlink", text).get(), most);
}

TEST(MemoryWatch, AddsUpWhatWaitsInNetlinkSockets) {
  EXPECT_EQ(sum(head), 0u);
  EXPECT_EQ(sum(head + line("0") + line("1000") + line("234")), 1234u);
  std::string many = head;
  for (int i = 0; i < 500; ++i) many += line("2");  // more than is read at once
  EXPECT_EQ(sum(many), 1000u);
}

TEST(MemoryWatch, CountsNoFurtherThanItMust) {
  EXPECT_EQ(sum(head + line("5000") + line("5000"), 6000), 6000u);
  std::string crowd = head;
  for (int i = 0; i < 5000; ++i) crowd += line("0");
  EXPECT_EQ(sum(crowd, 6000), 6000u);
}

TEST(MemoryWatch, AddsUpWhatWaitsInConnections) {
  const std::string title =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
  const std::string one =
      "   0: 0100007F:1F90 0100007F:C350 01 00000010:000000FF 01:00000014 00000000   123        0 7\n";
  const auto waiting = [](const std::string& text, std::uint64_t most) {
    return queued_in_connections(os::memory_file("tcp", text).get(), most);
  };
  EXPECT_EQ(waiting(title, 1000), 0u);
  EXPECT_EQ(waiting(title + one + one, 1000), 2u * (16 + 255));
  std::string crowd = title;
  for (int i = 0; i < 5000; ++i) crowd += one;
  EXPECT_EQ(waiting(crowd, 1 << 30), 5000u * (16 + 255));
  EXPECT_EQ(waiting(crowd, 1000), 1000u);
}

TEST(MemoryWatch, FindsWhatHappenedSinceItsGuestCame) {
  const UniqueFd events = os::memory_file("events", "low 0\noom_kill 3\n"), peak = os::memory_file("peak", "5000\n");
  MemoryWatch same({events.get(), peak.get(), 3, 2000});
  EXPECT_FALSE(same.exhausted());
  EXPECT_EQ(same.peak(), 3000u);
  MemoryWatch fewer({events.get(), peak.get(), 2, 9000});
  EXPECT_TRUE(fewer.exhausted());
  EXPECT_EQ(fewer.peak(), 0u);
  MemoryWatch nothing({});
  EXPECT_FALSE(nothing.exhausted());
  EXPECT_EQ(nothing.peak(), 0u);
}

}  // namespace
}  // namespace ci::sandbox
