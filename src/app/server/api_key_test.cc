#include "app/server/api_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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
  struct stat status{};
  ASSERT_EQ(::stat(first.generated.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
  EXPECT_EQ(resolve_keys(settings, directory_).accepted, first.accepted);
  EXPECT_EQ(find_key(settings), first.accepted[0]);
}

TEST_F(ApiKey, AShortOneInTheFileIsRefused) {
  std::ofstream(directory_ / "api_key") << "short\n";
  EXPECT_THROW(resolve_keys(Settings(), directory_), Failure);
}

TEST_F(ApiKey, WhoStartedTheServerWithSudoMayReadIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const Keys keys = resolve_keys(Settings(), directory_);
  const Account person{12345, 12346, "somebody"}, server{65531, 65531, "65531"};
  ASSERT_EQ(::chown(directory_.c_str(), server.user, server.group), 0);
  let_read_key(person, server, directory_, keys.generated);
  struct stat file{}, directory{};
  ASSERT_EQ(::stat(keys.generated.c_str(), &file), 0);
  ASSERT_EQ(::stat(directory_.c_str(), &directory), 0);
  EXPECT_EQ(file.st_uid, person.user);
  EXPECT_EQ(file.st_gid, server.group);
  EXPECT_EQ(file.st_mode & 07777, 0640u);
  EXPECT_EQ(directory.st_uid, server.user);
  EXPECT_EQ(directory.st_gid, person.group);
  EXPECT_EQ(directory.st_mode & 07777, 0710u);
}

TEST_F(ApiKey, NothingThatIsNotTheKeyFileIsGivenAway) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const fs::path secret = directory_ / "secret";
  std::ofstream(secret) << "root's";
  const Account person{12345, 12346, "somebody"}, server{65531, 65531, "65531"};
  fs::create_symlink(secret, directory_ / "api_key");
  EXPECT_THROW(let_read_key(person, server, directory_, directory_ / "api_key"), Failure);
  fs::remove(directory_ / "api_key");
  fs::create_hard_link(secret, directory_ / "api_key");
  EXPECT_THROW(let_read_key(person, server, directory_, directory_ / "api_key"), Failure);
  struct stat info{};
  ASSERT_EQ(::stat(secret.c_str(), &info), 0);
  EXPECT_EQ(info.st_uid, 0u);
}

}  // namespace
}  // namespace ci::app
