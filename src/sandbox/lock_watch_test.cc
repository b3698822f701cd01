#include "sandbox/lock_watch.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "os/message_socket.h"

namespace ci::sandbox {
namespace {

int count(const std::string& text, int most = 1000) {
  const UniqueFd file = os::memory_file("locks", text);
  ::lseek(file.get(), 0, SEEK_SET);
  return locks_of_processes(file.get(), most);
}

TEST(LockWatch, ReadsHowMuchTheKernelHasForItself) {
  const std::string text =
      "MemTotal:       24619360 kB\nSReclaimable:    2000 kB\nSUnreclaim:        76544 kB\nKernelStack: 1 kB\n";
  EXPECT_EQ(kernel_memory(os::memory_file("memory", text).get()), 76544u << 10);
  EXPECT_EQ(kernel_memory(os::memory_file("memory", "MemTotal: 1 kB\n").get()), std::nullopt);
  const UniqueFd real(::open("/proc/meminfo", O_RDONLY | O_CLOEXEC));
  EXPECT_GT(kernel_memory(real.get()).value_or(1), 0u);
}

TEST(LockWatch, CountsLocksOfProcesses) {
  const std::string own = "1: POSIX  ADVISORY  WRITE 6 00:01:7 2 2\n",
                    waits = "1: -> POSIX  ADVISORY  WRITE 7 00:01:7 2 2\n",
                    whole = "2: FLOCK  ADVISORY  WRITE 6 00:01:8 0 EOF\n",
                    nobodys = "3: OFDLCK ADVISORY  WRITE -1 00:01:9 0 EOF\n";
  EXPECT_EQ(count(""), 0);
  EXPECT_EQ(count(own + waits + whole + nobodys), 3);
  std::string many;
  for (int i = 0; i < 900; ++i) many += own;  // more than is read at once
  EXPECT_EQ(count(many), 900);
  EXPECT_EQ(count(many, 500), 500);
}

TEST(LockWatch, FindsNothingWhereNobodyLocks) {
  LockWatch watch;
  EXPECT_FALSE(watch.too_many());
  watch.open();
  EXPECT_FALSE(watch.too_many());
}

}  // namespace
}  // namespace ci::sandbox
