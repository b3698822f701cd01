#include "base/ids.h"

#include <gtest/gtest.h>

#include <set>

namespace ci {
namespace {

TEST(Ids, Have21CharactersAndAlphanumericEnds) {
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const std::string id = new_id();
    ASSERT_EQ(id.size(), 21u);
    ASSERT_TRUE(is_plausible_id(id));
    ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(id.front())));
    ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(id.back())));
    ASSERT_TRUE(seen.insert(id).second);
  }
}

TEST(Ids, DerivedOnesAreTheSameForTheSameText) {
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const std::string id = derived_id("session/" + std::to_string(i));
    ASSERT_EQ(id.size(), 21u);
    ASSERT_TRUE(is_plausible_id(id));
    ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(id.front())));
    ASSERT_TRUE(std::isalnum(static_cast<unsigned char>(id.back())));
    ASSERT_TRUE(seen.insert(id).second);
    ASSERT_EQ(derived_id("session/" + std::to_string(i)), id);
  }
}

TEST(Ids, TokensHaveTheLengthOfUnpaddedBase64) {
  EXPECT_EQ(random_token(24).size(), 32u);
  EXPECT_EQ(random_token(16).size(), 22u);
}

TEST(Ids, PathsAndPatternsAreNotPlausible) {
  for (const char* bad : {"", "../x", "a/b", "a*b", "a:b", "a b", "a\nb"}) EXPECT_FALSE(is_plausible_id(bad)) << bad;
  EXPECT_FALSE(is_plausible_id(std::string(129, 'a')));
}

}  // namespace
}  // namespace ci
