#include "base/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Words, AreBetweenCommasAndNeverEmpty) {
  EXPECT_THAT(words_of(""), IsEmpty());
  EXPECT_THAT(words_of(",,"), IsEmpty());
  EXPECT_THAT(words_of("one"), ElementsAre("one"));
  EXPECT_THAT(words_of(",one,,two words,"), ElementsAre("one", "two words"));
}

}  // namespace
}  // namespace ci
