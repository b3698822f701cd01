#include "app/api_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "base/failure.h"

namespace ci::app {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class ApiKey : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "api_key_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { fs::remove_all(directory_); }

  fs::path directory_;
};

TEST_F(ApiKey, ThoseOfTheOperatorComeFirst) {
  Settings settings;
  settings.api_key = "first-key-0123456";
  settings.api_keys = {"second-key-012345"};
  const Keys keys = resolve_keys(settings, directory_);
  EXPECT_THAT(keys.accepted, ElementsAre("first-key-0123456", "second-key-012345"));
  EXPECT_TRUE(keys.generated.empty());
  EXPECT_TRUE(fs::is_empty(directory_));
  EXPECT_EQ(find_key(settings), "first-key-0123456");
}

TEST_F(ApiKey, IsMadeOnceAndOnlyForItsOwner) {
  Settings settings;
  settings.data_directory = directory_;
  EXPECT_FALSE(find_key(settings));
  const Keys first = resolve_keys(settings, directory_);
  ASSERT_EQ(first.accepted.size(), 1u);
  EXPECT_EQ(first.accepted[0].size(), 32u);
  struct stat status {};
  ASSERT_EQ(::stat(first.generated.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(resolve_keys(settings, directory_).accepted, first.accepted);
  EXPECT_EQ(find_key(settings), first.accepted[0]);
}

TEST_F(ApiKey, AShortOneInTheFileIsRefused) {
  std::ofstream(directory_ / "api_key") << "short\n";
  EXPECT_THROW(resolve_keys(Settings(), directory_), Failure);
}

}  // namespace
}  // namespace ci::app
