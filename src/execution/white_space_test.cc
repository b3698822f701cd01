#include "execution/white_space.h"

#include <gtest/gtest.h>

namespace ci::execution {
namespace {

TEST(WhiteSpace, IsThatOfUnicode) {
  EXPECT_TRUE(is_blank(""));
  EXPECT_TRUE(is_blank(" \t\r\n\v\f\x1c\x1f"));
  EXPECT_TRUE(is_blank("\xc2\xa0\n\xe3\x80\x80\xe2\x80\xa8\xe2\x80\x83"));  // no-break, ideographic, line separator, em
  EXPECT_FALSE(is_blank("\xc2\xa0x"));
  EXPECT_FALSE(is_blank("\xe2\x80\x8b"));  // the zero width space is none
  EXPECT_FALSE(is_blank("\xef\xbb\xbf"));  // nor is a byte order mark
  EXPECT_FALSE(is_blank("\xc2"));
  EXPECT_FALSE(is_blank(std::string_view("\0", 1)));
}

TEST(WhiteSpace, IsMeasuredAtTheEnd) {
  EXPECT_EQ(white_space_at_back(""), 0u);
  EXPECT_EQ(white_space_at_back("x\xe2\x80\xaf"), 3u);
  EXPECT_EQ(white_space_at_back("x\xc2\x85"), 2u);
  EXPECT_EQ(white_space_at_back("x"), 0u);
}

}  // namespace
}  // namespace ci::execution
