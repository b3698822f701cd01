#include "metrics/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/failure.h"
#include "store/testing/loop.h"

namespace ci::metrics {
namespace {

using ::testing::HasSubstr;

class AuditLogTest : public ::testing::Test {
 protected:
  void write(std::initializer_list<const char*> ids) {
    AuditLog log(path());
    for (const char* id : ids) {
      RunRecord run;
      run.id = id;
      run.session = "a-session-that-opens-files";
      run.code_hash = std::string(64, 'c');
      log.record(run);
    }
  }
  std::filesystem::path path() const { return directory_.path() / "audit.log"; }
  std::string text() const {
    std::ifstream file(path());
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }
  void replace(const std::string& what, const std::string& by) {
    std::string all = text();
    all.replace(all.find(what), what.size(), by);
    std::ofstream(path()) << all;
  }
  AuditVerdict check() const {
    std::ifstream file(path());
    return verify(file);
  }

  store::testing::TemporaryDirectory directory_;
};

TEST_F(AuditLogTest, GoesOnWithItsChainAfterARestart) {
  write({"one", "two"});
  write({"three"});
  const AuditVerdict verdict = check();
  EXPECT_EQ(verdict.problem, "");
  EXPECT_EQ(verdict.lines, 3u);
  EXPECT_THAT(text(), Not(HasSubstr("a-session-that-opens-files")));
}

TEST_F(AuditLogTest, AChangedLineIsFound) {
  write({"one", "two", "three"});
  replace("two", "TWO");
  EXPECT_THAT(check().problem, HasSubstr("line 3 does not follow"));
  EXPECT_EQ(check().lines, 2u);
}

TEST_F(AuditLogTest, ARemovedLineIsFound) {
  write({"one", "two", "three"});
  const std::string all = text();
  const std::size_t first = all.find('\n') + 1, second = all.find('\n', first) + 1;
  std::ofstream(path()) << all.substr(0, first) + all.substr(second);
  EXPECT_THAT(check().problem, HasSubstr("line 2 says that it is number 3"));
}

TEST_F(AuditLogTest, WhatIsNoLineIsFoundAndNotGoneOnWith) {
  write({"one"});
  std::ofstream(path(), std::ios::app) << "hello\n";
  EXPECT_THAT(check().problem, HasSubstr("line 2 is no line"));
  EXPECT_THROW(AuditLog{path()}, Failure);
}

TEST_F(AuditLogTest, ALineThatACrashCutIsRemoved) {
  write({"one", "two"});
  const std::string whole = text();
  std::ofstream(path(), std::ios::app) << "{\"number\":3,\"ti";
  EXPECT_NE(check().problem, "");
  write({"three"});
  EXPECT_EQ(check().problem, "");
  EXPECT_EQ(check().lines, 3u);
  EXPECT_TRUE(text().starts_with(whole));
}

TEST_F(AuditLogTest, TwoServersDoNotWriteOneFile) {
  const AuditLog first(path());
  EXPECT_THROW(AuditLog{path()}, Failure);
}

}  // namespace
}  // namespace ci::metrics
