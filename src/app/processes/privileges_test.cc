#include "app/processes/privileges.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "base/failure.h"

namespace ci::app {
namespace {

namespace fs = std::filesystem;

class DataDirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "privileges_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
  }
  void TearDown() override { fs::remove_all(base_); }

  static Account ourselves() { return {::geteuid(), ::getegid(), "ourselves"}; }
  static Account stranger() { return {65531, 65531, "65531"}; }

  fs::path base_;
};

TEST_F(DataDirectory, IsMadeForItsOwnerOnly) {
  const fs::path made = prepare_data_directory(base_ / "a" / "b", ourselves());
  EXPECT_EQ(made, base_ / "a" / "b");
  struct stat status{};
  ASSERT_EQ(::stat(made.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700u);
  EXPECT_NO_THROW(prepare_data_directory(made, ourselves()));
}

TEST_F(DataDirectory, GoesToTheAccountWithAllThatIsInIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  const fs::path made = prepare_data_directory(base_ / "data", ourselves());
  std::ofstream(made / "file") << "ours";
  prepare_data_directory(made, stranger());
  for (const fs::path& path : {made, made / "file", made / ".kubecoderun"}) {
    struct stat status{};
    ASSERT_EQ(::lstat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 65531u) << path;
  }
}

TEST_F(DataDirectory, ThatHoldsOtherThingsIsNotTakenOver) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  std::ofstream(base_ / "letter.txt") << "not ours";
  EXPECT_THROW(prepare_data_directory(base_, stranger()), Failure);
  struct stat status{};
  ASSERT_EQ(::stat((base_ / "letter.txt").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 0u);
}

TEST_F(DataDirectory, AFileInItsPlaceFails) {
  std::ofstream(base_ / "file") << "x";
  EXPECT_THROW(prepare_data_directory(base_ / "file", ourselves()), Failure);
}

TEST(ServerAccount, AnUnknownUserIsRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes somebody else";
  EXPECT_THROW(server_account("no-such-user-here"), Failure);
  EXPECT_EQ(server_account("12345").user, 12345u);
  EXPECT_NE(server_account("").user, 0u);
}

}  // namespace
}  // namespace ci::app
