#include "sandbox/own_packages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace ci::sandbox {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class OwnPackages : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "kubecoderun-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    fs::permissions(directory_, fs::perms(0755));
  }
  void TearDown() override { fs::remove_all(directory_); }

  void make(const char* folder) {
    fs::create_directories(directory_ / folder);
    fs::permissions(directory_ / folder, fs::perms(0755));
  }

  std::vector<std::string> paths(std::vector<std::string> environment = {}) const {
    add_package_paths(environment, std::span(&directory_, 1));
    return environment;
  }

  fs::path directory_;
};

TEST_F(OwnPackages, AnEmptyOrAbsentDirectoryChangesNothing) {
  EXPECT_THAT(paths({"PYTHONPATH=/mnt/data"}), ElementsAre("PYTHONPATH=/mnt/data"));
  EXPECT_EQ(packages_trouble(directory_, ::geteuid()), "");
  EXPECT_EQ(packages_trouble(directory_ / "absent", ::geteuid()), "");
}

TEST_F(OwnPackages, ComeBehindTheWorkingDirectoryAndBeforeTheSystem) {
  make("py");
  make("js/node_modules");
  const auto environment = paths({"PYTHONPATH=/mnt/data", "NODE_PATH=/usr/share/nodejs"});
  EXPECT_THAT(
      environment, ElementsAre(
                       "PYTHONPATH=/mnt/data:" + (directory_ / "py").string(),
                       "NODE_PATH=" + (directory_ / "js/node_modules").string() + ":/usr/share/nodejs"));
}

TEST_F(OwnPackages, OfAnEnvironmentForAnotherPythonAreNotOffered) {
  make("py/lib/python3.2/site-packages");
  std::ofstream(directory_ / "py/pyvenv.cfg") << "home = /usr/bin\n";
  EXPECT_TRUE(python_packages(directory_).empty());
  std::error_code error;
  const fs::path installed = fs::read_symlink("/usr/bin/python3", error);
  if (error) GTEST_SKIP() << "python3 is not installed";
  const std::string site = "py/lib/" + installed.filename().string() + "/site-packages";
  make(site.c_str());
  EXPECT_EQ(python_packages(directory_), directory_ / site);
}

TEST_F(OwnPackages, OfOtherLanguagesAreFoundByTheirTools) {
  for (const char* folder : {"r", "java", "go/cache/download", "cpp/include", "cpp/lib"}) make(folder);
  const auto environment = paths();
  EXPECT_THAT(environment, Contains("R_LIBS=" + (directory_ / "r").string()));
  EXPECT_THAT(environment, Contains("CLASSPATH=.:" + (directory_ / "java/*").string()));
  EXPECT_THAT(environment, Contains("GOPROXY=file://" + (directory_ / "go/cache/download").string()));
  EXPECT_THAT(environment, Contains("CPATH=" + (directory_ / "cpp/include").string()));
  EXPECT_THAT(environment, Contains("LD_LIBRARY_PATH=" + (directory_ / "cpp/lib").string()));
}

TEST_F(OwnPackages, OfTheFirstOfSeveralDirectoriesComeFirst) {
  for (const char* folder : {"py", "js/node_modules", "r", "java", "go/cache/download", "cpp/include", "cpp/lib"}) {
    make((std::string("a/") + folder).c_str());
    make((std::string("b/") + folder).c_str());
  }
  const std::vector<fs::path> both = {directory_ / "a", directory_ / "absent", directory_ / "b"};
  const std::string a = both.front(), b = both.back();
  std::vector<std::string> environment = {"PYTHONPATH=/mnt/data", "NODE_PATH=/usr/share/nodejs"};
  add_package_paths(environment, both);
  EXPECT_THAT(
      environment,
      UnorderedElementsAre(
          "PYTHONPATH=/mnt/data:" + a + "/py:" + b + "/py",
          "NODE_PATH=" + a + "/js/node_modules:" + b + "/js/node_modules:/usr/share/nodejs",
          "R_LIBS=" + a + "/r:" + b + "/r", "CLASSPATH=.:" + a + "/java/*:" + b + "/java/*",
          "GOPROXY=file://" + a + "/go/cache/download,file://" + b + "/go/cache/download", "GOFLAGS=-mod=mod",
          "GOSUMDB=off", "CPATH=" + a + "/cpp/include:" + b + "/cpp/include",
          "LIBRARY_PATH=" + a + "/cpp/lib:" + b + "/cpp/lib", "LD_LIBRARY_PATH=" + a + "/cpp/lib:" + b + "/cpp/lib"));
}

TEST_F(OwnPackages, SetsAreTheDirectoriesWithSuchANameInTheirOrder) {
  for (const char* folder : {"web", "data-2", ".old", "Upper", "with space"}) make(folder);
  std::ofstream(directory_ / "file") << "text";
  EXPECT_THAT(package_sets(directory_), ElementsAre(directory_ / "data-2", directory_ / "web"));
  EXPECT_TRUE(package_sets(directory_ / "absent").empty());
}

TEST_F(OwnPackages, ThatEverybodyMayWriteToAreRefusedWithTheCommandThatMendsIt) {
  make("py");
  fs::permissions(directory_ / "py", fs::perms(0777));
  EXPECT_THAT(packages_trouble(directory_, ::geteuid()), HasSubstr("chmod -R o-w " + (directory_ / "py").string()));
  fs::permissions(directory_ / "py", fs::perms(0775));
  EXPECT_EQ(packages_trouble(directory_, ::geteuid()), "");
  fs::permissions(directory_, fs::perms(01777));
  EXPECT_THAT(packages_trouble(directory_, ::geteuid()), HasSubstr("everybody may write to " + directory_.string()));
}

TEST_F(OwnPackages, OfSomebodyElseAreRefused) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(::chown(directory_.c_str(), 23456, 23456), 0);
  EXPECT_THAT(packages_trouble(directory_, 65531), HasSubstr("belongs to user 23456"));
  EXPECT_EQ(packages_trouble(directory_, 23456), "");
}

TEST_F(OwnPackages, AFileInTheirPlaceIsRefused) {
  std::ofstream(directory_ / "file") << "text";
  EXPECT_THAT(packages_trouble(directory_ / "file", ::geteuid()), HasSubstr("is not a directory"));
}

}  // namespace
}  // namespace ci::sandbox
