#include "os/system_root.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace ci::os {
namespace {

namespace fs = std::filesystem;

class SystemRootTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "system_root_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = fs::canonical(pattern);
    fs::create_directories(root_ / "usr/bin");
    fs::create_directories(root_ / "usr/lib");
    fs::create_directories(root_ / "etc");
    std::ofstream(root_ / "usr/bin/tool-2") << "#!/bin/sh\n";
    ::chmod((root_ / "usr/bin/tool-2").c_str(), 0755);
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path root_;
};

TEST_F(SystemRootTest, IsThisHostsWithoutADirectory) {
  for (const SystemRoot& root : {SystemRoot(), SystemRoot(""), SystemRoot("/")}) {
    EXPECT_TRUE(root.is_host());
    EXPECT_EQ(root.find("/bin/sh"), "/bin/sh");
    EXPECT_TRUE(root.has_program("/bin/sh"));
    EXPECT_TRUE(root.find("/no/such/file").empty());
  }
}

TEST_F(SystemRootTest, FollowsLinksAsTheyAreInside) {
  fs::create_symlink("/etc/tool", root_ / "usr/bin/tool");
  fs::create_symlink("/usr/bin/tool-2", root_ / "etc/tool");
  fs::create_symlink("../../../../usr/bin/tool-2", root_ / "usr/bin/far");
  fs::create_symlink("usr/bin", root_ / "bin");
  const SystemRoot root(root_ / "");
  EXPECT_FALSE(root.is_host());
  EXPECT_EQ(root.directory(), root_);
  for (const char* name : {"/usr/bin/tool", "/usr/bin/far", "/bin/tool", "usr/bin/tool-2", "/../usr/bin/tool"}) {
    EXPECT_EQ(root.find(name), root_ / "usr/bin/tool-2") << name;
    EXPECT_TRUE(root.has_program(name)) << name;
  }
}

TEST_F(SystemRootTest, LeadsToNothingOfThisHost) {
  fs::create_symlink("/bin/sh", root_ / "usr/bin/sh");
  fs::create_symlink("../../../../../../../../etc/passwd", root_ / "etc/passwd");
  const SystemRoot root(root_);
  for (const char* name : {"/bin/sh", "/usr/bin/sh", "/etc/passwd", "/proc/self/exe"}) {
    EXPECT_TRUE(root.find(name).empty()) << name;
    EXPECT_FALSE(root.has_program(name)) << name;
  }
}

TEST_F(SystemRootTest, KnowsProgramsAndItsName) {
  const SystemRoot root(root_);
  std::ofstream(root_ / "usr/bin/plain") << "text";
  EXPECT_FALSE(root.has_program("/usr/bin/plain"));
  EXPECT_EQ(root.pretty_name(), "a system without a name");
  std::ofstream(root_ / "usr/lib/os-release") << "NAME=Other\nPRETTY_NAME=\"Other System 7\"\n";
  EXPECT_EQ(root.pretty_name(), "Other System 7");
}

}  // namespace
}  // namespace ci::os
