#include "base/package_set.h"

#include <gtest/gtest.h>

#include <string>

namespace ci {
namespace {

TEST(PackageSet, HasANameThatIsADirectoryAndAWord) {
  for (const char* name : {"a", "0", "data", "team-a", "pandas-2"}) EXPECT_TRUE(is_package_set_name(name)) << name;
  for (const char* name : {"", "-a", ".", "..", "a/b", "A", "a b", "a,b", "a@b", "a.b", "ä", "a\n"}) {
    EXPECT_FALSE(is_package_set_name(name)) << name;
  }
  EXPECT_TRUE(is_package_set_name(std::string(32, 'a')));
  EXPECT_FALSE(is_package_set_name(std::string(33, 'a')));
  EXPECT_FALSE(is_package_set_name(std::string("a\0b", 3)));
}

}  // namespace
}  // namespace ci
