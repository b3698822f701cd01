#include "sandbox/other_root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace ci::sandbox {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// What this host has of it serves as a root that is complete.
class OtherRoot : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "other_root_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = fs::canonical(pattern);
    root_ = base_ / "root";
    for (const char* name : {"usr/bin", "usr/lib", "usr/lib64", "usr/share", "etc"}) make(root_ / name);
    ::chmod(root_.c_str(), 0755);
    for (const char* name : {"bin", "lib", "lib64"}) fs::create_symlink(fs::path("usr") / name, root_ / name);
    fs::copy_file("/bin/sh", root_ / "usr/bin/sh");
    for (const char* name : {"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"}) {
      if (!fs::exists(name)) continue;
      const fs::path place = make(root_ / "usr/lib/of_this_processor");
      fs::copy_file(name, place / fs::path(name).filename());
      fs::create_symlink(
          "/usr/lib/of_this_processor" / fs::path(name).filename(), root_ / fs::path(name).relative_path());
      libc_ = place / "libc.so.6";
    }
    write_libc("GLIBC_2.2.5 GLIBC_2.36 GLIBC_PRIVATE");
    runtimes_ = make(base_ / "runtimes/zygote").parent_path();
    std::ofstream(runtimes_ / "zygote/interpreter.so") << "GLIBC_2.34";
  }
  void TearDown() override { fs::remove_all(base_); }

  static fs::path make(const fs::path& directory) {
    fs::create_directories(directory);
    ::chmod(directory.c_str(), 0755);
    return directory;
  }
  void write_libc(const char* text) const { std::ofstream(libc_) << text; }
  std::string trouble() const { return root_trouble(os::SystemRoot(root_), runtimes_, ::geteuid()); }

  fs::path base_, root_, runtimes_, libc_;
};

TEST_F(OtherRoot, IsTakenWhenItIsComplete) { EXPECT_EQ(trouble(), ""); }

TEST_F(OtherRoot, ThisHostsIsNeverInQuestion) { EXPECT_EQ(root_trouble(os::SystemRoot(), runtimes_, ::geteuid()), ""); }

TEST_F(OtherRoot, IsRefusedWhereItIsMissingOrEmpty) {
  EXPECT_THAT(
      root_trouble(os::SystemRoot(base_ / "none"), runtimes_, ::geteuid()),
      AllOf(HasSubstr("is not a directory"), HasSubstr("./dev root trixie")));
  EXPECT_THAT(root_trouble(os::SystemRoot(make(base_ / "empty")), runtimes_, ::geteuid()), HasSubstr("no /bin/sh"));
}

TEST_F(OtherRoot, IsRefusedWhereOthersCouldChangeIt) {
  for (const char* name : {"", "usr", "usr/bin", "usr/lib", "etc"}) {
    ::chmod((root_ / name).c_str(), 0777);
    EXPECT_THAT(trouble(), AllOf(HasSubstr("everybody may write"), HasSubstr("chmod o-w"))) << name;
    ::chmod((root_ / name).c_str(), 0755);
  }
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  ::chown((root_ / "usr/bin").c_str(), 4711, 4711);
  EXPECT_THAT(trouble(), HasSubstr("belongs to user 4711"));
}

TEST_F(OtherRoot, IsRefusedWhereSandboxesMayNotGo) {
  ::chmod((root_ / "usr").c_str(), 0750);
  EXPECT_THAT(trouble(), HasSubstr("closed to the users of sandboxes"));
}

TEST_F(OtherRoot, IsRefusedWithoutALibraryForOurParts) {
  write_libc("GLIBC_2.2.5 GLIBC_2.31");
  EXPECT_THAT(trouble(), AllOf(HasSubstr("is 2.31"), HasSubstr("2.34 or later"), HasSubstr("zygote/interpreter.so")));
  fs::remove(libc_);
  EXPECT_THAT(trouble(), HasSubstr("for another processor, or of another kind"));
}

}  // namespace
}  // namespace ci::sandbox
