#include "execution/missing_package.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace ci::execution {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::string found(std::string_view language, std::string_view err, bool failed = true) {
  const auto missing = missing_package(language, failed, err);
  return missing ? missing->language + ":" + missing->name : "";
}

TEST(MissingPackage, IsReadFromWhatTheToolsSay) {
  EXPECT_EQ(
      found("js", "Error: Cannot find module 'lodahs/fp'\nRequire stack:\n- /mnt/data/code.js\n\nNode.js v20.1.0"),
      "js:lodahs");
  EXPECT_EQ(
      found(
          "ts",
          "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@a/b' imported from /mnt/data/code.ts\n\nNode.js "
          "v18.1.0"),
      "js:@a/b");
  EXPECT_EQ(found("r", "Error in library(dplir) : there is no package called ‘dplir’\nExecution halted"), "r:dplir");
  EXPECT_EQ(
      found("java", "Code.java:1: error: package com.google.gson does not exist\nimport com.google.gson.Gson;"),
      "java:com.google.gson");
  EXPECT_EQ(
      found("go", "main.go:2:8: no required module provides package github.com/x/y: go.mod file not found"),
      "go:github.com/x/y");
  EXPECT_EQ(found("go", "main.go:2:8: cannot find module providing package github.com/x/y"), "go:github.com/x/y");
  EXPECT_EQ(found("rs", "error[E0463]: can't find crate for `serde`\n --> main.rs"), "rs:serde");
  EXPECT_EQ(
      found("bash", "ERROR: Could not find a version …\nERROR: No matching distribution found for polars>=1.0"),
      "pip:polars");
  EXPECT_EQ(found("bash", "npm ERR! code EAI_AGAIN\nnpm ERR! syscall getaddrinfo"), "npm:");
  EXPECT_EQ(found("bash", "npm error code ENOTFOUND\nnpm error"), "npm:");
  EXPECT_EQ(found("bash", "npm error code EROFS\nnpm error"), "npm:");
  EXPECT_EQ(found("bash", "Traceback …\nModuleNotFoundError: No module named 'polars.io'"), "py:polars");
}

TEST(MissingPackage, IsNotSeenInWhatIsMoreLikelyAMistake) {
  EXPECT_EQ(found("py", "ModuleNotFoundError: No module named 'polars'"), "");  // its own line says it
  EXPECT_EQ(found("js", "Error: Cannot find module './own'\n\nNode.js v20.1.0"), "");
  EXPECT_EQ(found("js", "Error: Cannot find module 'printed by the program itself'"), "");
  EXPECT_EQ(found("java", "Code.java:2: error: package system does not exist"), "");
  EXPECT_EQ(found("java", "Code.java:2: error: package java.utils does not exist"), "");
  EXPECT_EQ(found("go", "main.go:2:8: package mathh is not in GOROOT (/usr/lib/go/src/mathh)"), "");
  EXPECT_EQ(found("r", "there is no package called ‘a b\nc’"), "");
  EXPECT_EQ(found("c", "no such thing"), "");
  // Whoever goes on without it has dealt with that; who wanted to install something is told all the same.
  EXPECT_EQ(found("r", "there is no package called ‘dplir’", false), "");
  EXPECT_EQ(found("py", "ERROR: No matching distribution found for polars\n", false), "pip:polars");
}

class Described : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "kubecoderun-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    own_ = name;
    for (const char* folder : {"js/node_modules/our-charts", "js/node_modules/@us/tools", "py/ourtables", "r/ourR"}) {
      fs::create_directories(own_ / folder);
    }
  }
  void TearDown() override { fs::remove_all(own_); }
  std::span<const fs::path> own() const { return {&own_, 1}; }
  fs::path own_;
};

TEST_F(Described, NamesWhatIsThereAndClose) {
  EXPECT_THAT(
      describe({"js", "our-chart"}, own()),
      AllOf(
          HasSubstr("our-chart is not installed, and a sandbox has no network"), HasSubstr("`kubecoderun packages`"),
          EndsWith("What is there and may do: our-charts.")));
  EXPECT_THAT(describe({"js", "@us/tool"}, own()), EndsWith("may do: @us/tools."));
  EXPECT_THAT(describe({"pip", "ourtabels"}, own()), EndsWith("may do: ourtables."));
  EXPECT_THAT(describe({"r", "ourr"}, own()), EndsWith("may do: ourR."));
}

TEST_F(Described, SaysNothingOfAPartOfWhatIsThere) { EXPECT_EQ(describe({"js", "our-charts"}, own()), ""); }

TEST_F(Described, NamesNothingThatIsNotClose) {
  EXPECT_THAT(
      describe({"js", "something-else-entirely"}, own()), AllOf(HasSubstr("no network"), Not(HasSubstr("may do"))));
  EXPECT_THAT(describe({"npm", ""}, own()), HasSubstr("no network to install from"));
  EXPECT_THAT(describe({"rs", "serde"}, own()), Not(HasSubstr("kubecoderun packages")));
}

}  // namespace
}  // namespace ci::execution
