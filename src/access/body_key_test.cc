#include "access/body_key.h"

#include <gtest/gtest.h>

namespace ci::access {
namespace {

// In pieces of every size, since a network cuts where it likes.
std::optional<std::string> key_in(std::string_view json) {
  std::optional<std::string> whole;
  for (const std::size_t size : {json.size(), std::size_t{1}, std::size_t{3}, std::size_t{7}}) {
    BodyKey key;
    for (std::size_t at = 0; at < json.size(); at += size) {
      if (!key.feed(json.substr(at, size))) break;
    }
    if (size == json.size()) whole = key.key();
    EXPECT_EQ(key.key(), whole) << json.substr(0, 80) << " in pieces of " << size;
  }
  return whole;
}

TEST(BodyKey, TakesTheFirstNameWithText) {
  EXPECT_EQ(key_in(R"({"apiKey":"c","api_key":" b "})"), "b");
  EXPECT_EQ(key_in(R"({"LIBRECHAT_CODE_API_KEY":"a","api_key":"b"})"), "a");
  EXPECT_EQ(key_in(R"({"api_key":"b","LIBRECHAT_CODE_API_KEY":"a"})"), "a");
  EXPECT_EQ(key_in(R"({"api_key":5,"apiKey":"c"})"), "c");
  EXPECT_EQ(key_in(R"({"api_key":" "})"), std::nullopt);
  EXPECT_EQ(key_in(R"({"LIBRECHAT_CODE_API_KEY":" ","api_key":"b"})"), "b");
  EXPECT_EQ(key_in(R"x({"code":"print(\"\u00e9\\\")","api_key":"b\u0062\/"})x"), "bb/");
}

TEST(BodyKey, ListensAtTheTopOnly) {
  EXPECT_EQ(key_in(R"({"a":{"api_key":"x"},"b":[{"api_key":"x"}]})"), std::nullopt);
  EXPECT_EQ(key_in(R"({"a":{"api_key":"x"},"api_key":"b"})"), "b");
  EXPECT_EQ(key_in(R"({"api_key":{"api_key":"x"}})"), std::nullopt);
  EXPECT_EQ(key_in(R"({"api_key":["x"]})"), std::nullopt);
  EXPECT_EQ(key_in(R"({"xapi_key":"x","api_keyx":"y"})"), std::nullopt);
}

TEST(BodyKey, WhatIsNoObjectHasNone) {
  EXPECT_EQ(key_in(R"([{"api_key":"x"}])"), std::nullopt);
  EXPECT_EQ(key_in("\"api_key\""), std::nullopt);
  EXPECT_EQ(key_in("{"), std::nullopt);
  EXPECT_EQ(key_in(R"({"api_key":"half)"), std::nullopt);
  EXPECT_EQ(key_in(std::string(100000, '[')), std::nullopt);
  EXPECT_EQ(key_in(R"({"a":)" + std::string(100000, '[')), std::nullopt);
}

TEST(BodyKey, SaysWhenMoreWouldChangeNothing) {
  BodyKey array, first, second;
  EXPECT_FALSE(array.feed("[1,2"));
  EXPECT_FALSE(first.feed(R"({"LIBRECHAT_CODE_API_KEY":"a",)"));
  EXPECT_TRUE(second.feed(R"({"api_key":"b",)"));
}

TEST(BodyKey, KeepsNothingOfLongTexts) {
  BodyKey key;
  EXPECT_TRUE(key.feed(R"({"api_key":")"));
  const std::string piece(64 << 10, 'x');
  for (int i = 0; i < 64; ++i) EXPECT_TRUE(key.feed(piece));
  EXPECT_TRUE(key.feed(R"(","apiKey":"c")"));
  EXPECT_EQ(key.key(), "c");
}

}  // namespace
}  // namespace ci::access
