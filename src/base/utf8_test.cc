#include "base/utf8.h"

#include <gtest/gtest.h>

namespace ci {
namespace {

TEST(Utf8, BadBytesAreReplacedAsUnicodeRecommends) {
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(repaired("\xe0\x80\x80"), bad + bad + bad);            // overlong
  EXPECT_EQ(repaired("\xed\xa0\x80"), bad + bad + bad);            // a surrogate
  EXPECT_EQ(repaired("\xf0\x9d\x92x"), bad + "x");                 // begun, not finished
  EXPECT_EQ(repaired("\xf4\x90\x80\x80"), bad + bad + bad + bad);  // above U+10FFFF
}

TEST(Utf8, KnowsWhatHasOnlyBegun) {
  EXPECT_EQ(unfinished_tail(""), 0u);
  EXPECT_EQ(unfinished_tail("abc"), 0u);
  EXPECT_EQ(unfinished_tail("a\xc3"), 1u);
  EXPECT_EQ(unfinished_tail("a\xc3\xbc"), 0u);
  EXPECT_EQ(unfinished_tail("a\xf0\x9d\x92"), 3u);
  EXPECT_EQ(unfinished_tail("a\x80\x80\x80\x80"), 0u);
  EXPECT_EQ(unfinished_tail("a\xff"), 0u);
}

TEST(Utf8, KnowsWhatIsWellFormed) {
  EXPECT_TRUE(is_utf8(""));
  EXPECT_TRUE(is_utf8("a\xc3\xbc\xe2\x82\xac\xf0\x9d\x92\xb3"));
  EXPECT_FALSE(is_utf8("\xc0\x80"));          // overlong
  EXPECT_FALSE(is_utf8("\xed\xa0\x80"));      // a surrogate
  EXPECT_FALSE(is_utf8("\xf4\x90\x80\x80"));  // above U+10FFFF
  EXPECT_FALSE(is_utf8("a\xe2\x82"));
}

TEST(Utf8, WritesWhatItReads) {
  for (const char32_t c : {U'a', U'\u00fc', U'\u20ac', U'\U0001d4b3'}) {
    std::string text;
    append_utf8(text, c);
    EXPECT_EQ(text.size(), utf8_size(c));
    const Character read = first_character(text);
    EXPECT_TRUE(read.valid);
    EXPECT_EQ(read.length, text.size());
    EXPECT_EQ(read.code_point, c);
  }
}

}  // namespace
}  // namespace ci
