#include "os/empty_directory.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/unique_fd.h"

namespace ci::os {
namespace {

namespace fs = std::filesystem;

class EmptyDirectory : public ::testing::Test {
 protected:
  EmptyDirectory() {
    char name[] = "/tmp/emptyXXXXXX";
    root_ = ::mkdtemp(name);
    directory_ = UniqueFd(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~EmptyDirectory() override {
    empty_directory(directory_.get());
    fs::remove_all(root_);
  }
  bool is_empty() { return fs::is_empty(root_); }

  fs::path root_;
  UniqueFd directory_;
};

TEST_F(EmptyDirectory, RemovesFilesLinksAndTreesThatNobodyMayEnter) {
  fs::create_directories(root_ / "a/b/c");
  std::ofstream(root_ / "a/b/file") << "x";
  std::ofstream(root_ / ".hidden") << "x";
  fs::create_symlink("/", root_ / "a/link");
  ::mkfifo((root_ / "a/pipe").c_str(), 0600);
  fs::permissions(root_ / "a/b", fs::perms::none);
  EXPECT_TRUE(empty_directory(directory_.get()));
  EXPECT_TRUE(is_empty());
}

TEST_F(EmptyDirectory, RemovesATreeThatIsDeeperThanAnyPath) {
  UniqueFd at(::dup(directory_.get()));
  const std::string name(200, 'd');
  for (int depth = 0; depth < 30; ++depth) {
    ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
    at = UniqueFd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  EXPECT_TRUE(empty_directory(directory_.get()));
  EXPECT_TRUE(is_empty());
}

TEST_F(EmptyDirectory, LeavesAloneWhatALinkLeadsTo) {
  char name[] = "/tmp/besideXXXXXX";
  const fs::path beside = ::mkdtemp(name);
  std::ofstream(beside / "file") << "x";
  fs::create_directory_symlink(beside, root_ / "link");
  EXPECT_TRUE(empty_directory(directory_.get()));
  EXPECT_TRUE(fs::exists(beside / "file"));
  fs::remove_all(beside);
}

}  // namespace
}  // namespace ci::os
