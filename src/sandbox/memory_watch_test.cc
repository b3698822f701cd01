#include "sandbox/memory_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
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

// In a process group of its own. It ends with status 3 when the end of `until` that is returned is closed.
pid_t start_group(UniqueFd& until) {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  until = UniqueFd(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    until.reset();
    char byte;
    while (::read(read_end.get(), &byte, 1) > 0) {
    }
    ::_exit(3);
  }
  ::setpgid(child, child);
  return child;
}

TEST(GroupUsage, SaysWhetherAnybodyRuns) {
  UniqueFd until;
  const pid_t child = start_group(until);
  EXPECT_TRUE(usage_of_group(child).runs);
  EXPECT_EQ(usage_of_group(child).threads, 1u);
  until.reset();
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(usage_of_group(child).runs) << "it has ended, and nobody has waited for it";
  EXPECT_EQ(status_of_leaving(child), W_EXITCODE(3, 0));
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(usage_of_group(child).runs);
  EXPECT_EQ(status_of_leaving(child), std::nullopt);
}

TEST(GroupUsage, TellsOneThatWasKilledFromOneThatHasEnded) {
  UniqueFd until;
  const pid_t child = start_group(until);
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_EQ(status_of_leaving(child), SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace ci::sandbox
