#include "state/wire.h"

#include <gtest/gtest.h>

#include "base/sha256.h"

namespace ci::state {
namespace {

TEST(Wire, KnowsTwoVersions) {
  EXPECT_TRUE(is_known_version(1));
  EXPECT_TRUE(is_known_version(2));
  for (const int other : {0, 3, 0x80, 255}) EXPECT_FALSE(is_known_version(static_cast<unsigned char>(other)));
}

TEST(Wire, EncodesWhatItDecodes) {
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("foobar"), "Zm9vYmFy");
  for (const std::size_t size : {1u, 2u, 3u, 4u, 1000u, 3u << 20, (3u << 20) + 1, (9u << 20) + 2}) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 2654435761u >> 13);
    EXPECT_EQ(decode_base64(encode_base64(bytes)), bytes) << size;
  }
}

TEST(Wire, DoesNotDecodeWhatIsNotBase64) {
  for (const char* text :
       {"Z", "Zg", "Zg=", "====", "Z===", "Zg==Zg==", "Zm9v\n", " Zm9v===", "Zm9vYm\nh", "Zm9*", "Zm\n9v123"}) {
    EXPECT_EQ(decode_base64(text), std::nullopt) << text;
  }
}

TEST(Wire, TakesIdsThatAreSafeInKeys) {
  EXPECT_TRUE(is_state_id("Zt0kQ8s1VbL5nE3cRy7Wd"));
  EXPECT_TRUE(is_state_id(std::string(64, '-')));
  for (const char* id : {"", "hash:x", "a/b", "..", "a*", "index", "\xc3\xa9"}) EXPECT_FALSE(is_state_id(id)) << id;
  EXPECT_FALSE(is_state_id(std::string(65, 'a')));
}

}  // namespace
}  // namespace ci::state
