#include "app/processes/data_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/failure.h"

namespace ci::app {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class DataLock : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "data_lock_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  std::string refusal(Sharing sharing) const {
    try {
      hold_data_directory(directory_, sharing);
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::invalid);
      return failure.what();
    }
    return "";
  }

  fs::path directory_;
};

TEST_F(DataLock, ASecondServerIsToldWhoHasTheDirectory) {
  const UniqueFd first = hold_data_directory(directory_, Sharing::none);
  EXPECT_THAT(
      refusal(Sharing::none), HasSubstr("in use by another server (process " + std::to_string(::getpid()) + ")"));
  EXPECT_THAT(refusal(Sharing::between_servers), HasSubstr("in use by another server"));
}

TEST_F(DataLock, ServersThatShareTheirRecordsShareIt) {
  const UniqueFd first = hold_data_directory(directory_, Sharing::between_servers);
  EXPECT_EQ(refusal(Sharing::between_servers), "");
  EXPECT_NE(refusal(Sharing::none), "");
}

TEST_F(DataLock, ItIsFreeWhenItsHolderIsGone) {
  hold_data_directory(directory_, Sharing::none);
  EXPECT_EQ(refusal(Sharing::none), "");
}

}  // namespace
}  // namespace ci::app
