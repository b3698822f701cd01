#include "os/signals.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <csignal>

#include "base/unique_fd.h"

namespace ci::os {
namespace {

TEST(Signals, KnowsWhichOnesAProcessCatches) {
  const UniqueFd status(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  ::signal(SIGUSR1, SIG_DFL);
  ::signal(SIGUSR2, SIG_IGN);
  EXPECT_FALSE(catches(status.get(), SIGUSR1));
  EXPECT_FALSE(catches(status.get(), SIGUSR2));
  ::signal(SIGUSR1, [](int) {});
  EXPECT_TRUE(catches(status.get(), SIGUSR1));
  ::signal(SIGUSR1, SIG_DFL);
  EXPECT_FALSE(catches(-1, SIGUSR1));
}

}  // namespace
}  // namespace ci::os
