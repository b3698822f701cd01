#include "state/wire.h"

#include <gtest/gtest.h>

namespace ci::state {
namespace {

TEST(Wire, KnowsTwoVersions) {
  EXPECT_TRUE(is_known_version(1));
  EXPECT_TRUE(is_known_version(2));
  for (const int other : {0, 3, 0x80, 255}) EXPECT_FALSE(is_known_version(static_cast<unsigned char>(other)));
}

TEST(Wire, TakesIdsThatAreSafeInKeys) {
  EXPECT_TRUE(is_state_id("Zt0kQ8s1VbL5nE3cRy7Wd"));
  EXPECT_TRUE(is_state_id(std::string(64, '-')));
  for (const char* id : {"", "hash:x", "a/b", "..", "a*", "index", "\xc3\xa9"}) EXPECT_FALSE(is_state_id(id)) << id;
  EXPECT_FALSE(is_state_id(std::string(65, 'a')));
}

}  // namespace
}  // namespace ci::state
