#include "base/base64.h"

#include <gtest/gtest.h>

namespace ci {
namespace {

TEST(Base64, EncodesWhatItDecodes) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
  for (const std::size_t size : {1u, 2u, 3u, 4u, 1000u, 3u << 20, (3u << 20) + 1, (9u << 20) + 2}) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 2654435761u >> 13);
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes) << size;
  }
}

TEST(Base64, DoesNotDecodeWhatIsNotBase64) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "====", "Z===", "Zg==Zg==", "Zm9v\n", " Zm9v===", "Zm9vYm\nh", "Zm9*", "Zm\n9v123"}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

TEST(Base64, TakesWhatStrangersSend) {
  EXPECT_EQ(decode_any_base64("Zg=="), "f");
  EXPECT_EQ(decode_any_base64("Zg="), "f");
  EXPECT_EQ(decode_any_base64("Zg"), "f");
  EXPECT_EQ(decode_any_base64("-_-_"), decode_base64("+/+/"));
  EXPECT_EQ(decode_any_base64(""), "");
  for (const char* text : {"Z", "Zg==Zg", "Zm9*", "Zm 9"}) EXPECT_EQ(decode_any_base64(text), std::nullopt) << text;
}

TEST(Base64, LeavesOutWhatAddressesCannotHold) {
  EXPECT_EQ(encode_base64_url("f"), "Zg");
  EXPECT_EQ(encode_base64_url("\xfb\xff\xbf"), "-_-_");
}

}  // namespace
}  // namespace ci
