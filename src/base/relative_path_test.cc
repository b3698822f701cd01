#include "base/relative_path.h"

#include <gtest/gtest.h>

namespace ci {
namespace {

TEST(RelativePath, AcceptsNestedAndUnicodeNames) {
  for (const char* good : {"a", "a/b.txt", "skills/report/SKILL.md", "отчёт 2025.csv", "-rf", ".hidden", "..a"}) {
    EXPECT_TRUE(RelativePath::parse(good)) << good;
  }
  EXPECT_EQ(RelativePath::parse("a/b/c.txt")->base_name(), "c.txt");
}

TEST(RelativePath, RefusesWhatCouldLeaveTheDirectory) {
  for (const char* bad : {"", "/a", "../a", "a/../b", "a//b", "a/", "./a", "a/.", "a\\b", "..", "."}) {
    EXPECT_FALSE(RelativePath::parse(bad)) << bad;
  }
  EXPECT_FALSE(RelativePath::parse(std::string_view("a\0b", 3)));
}

TEST(RelativePath, RefusesWhatIsTooDeepTooLongOrNotText) {
  EXPECT_TRUE(RelativePath::parse("1/2/3/4/5/6/7/8/9/10"));
  EXPECT_FALSE(RelativePath::parse("1/2/3/4/5/6/7/8/9/10/11"));
  EXPECT_TRUE(RelativePath::parse(std::string(255, 'a')));
  EXPECT_FALSE(RelativePath::parse(std::string(256, 'a')));
  EXPECT_FALSE(RelativePath::parse("\xff\xfe"));
  EXPECT_FALSE(RelativePath::parse("\xed\xa0\x80"));  // a surrogate
  EXPECT_FALSE(RelativePath::parse("\xc0\xaf"));      // an overlong '/'
}

}  // namespace
}  // namespace ci
