#include "os/open_files.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace ci::os {
namespace {

TEST(OpenFiles, LiftsTheSoftLimitToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(most_open_files(), 64u);
  raise_open_files();
  EXPECT_EQ(most_open_files(), before.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace ci::os
