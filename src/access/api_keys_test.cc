#include "access/api_keys.h"

#include <gtest/gtest.h>

namespace ci::access {
namespace {

using namespace std::chrono_literals;

std::string from(std::string_view authorization) {
  PresentedKeys keys;
  keys.authorization = authorization;
  return presented_key(keys).value_or("-");
}

TEST(PresentedKey, ReadsEveryScheme) {
  EXPECT_EQ(from("Bearer  k1 "), "k1");
  EXPECT_EQ(from("bearer k1"), "k1");
  EXPECT_EQ(from("ApiKey k1"), "k1");
  EXPECT_EQ(from("Digest k1"), "-");
  EXPECT_EQ(from("Bearer"), "-");
  EXPECT_EQ(from(""), "-");
}

TEST(PresentedKey, ReadsBasicAsClientsReallySendIt) {
  EXPECT_EQ(from("Basic S0VZOg=="), "KEY");      // KEY:
  EXPECT_EQ(from("Basic OktFWQ=="), "KEY");      // :KEY
  EXPECT_EQ(from("Basic S0VZOmFueQ=="), "KEY");  // KEY:any
  EXPECT_EQ(from("Basic S0VZ"), "KEY");          // KEY, no colon
  EXPECT_EQ(from("basic S0VZOg"), "KEY");        // no padding
  EXPECT_EQ(from("Basic Og=="), "-");            // :
  EXPECT_EQ(from("Basic !!"), "-");
}

TEST(PresentedKey, TheOwnHeaderWinsUnlessItIsEmpty) {
  PresentedKeys keys;
  keys.api_key_header = "a";
  keys.authorization = "Bearer b";
  EXPECT_EQ(presented_key(keys), "a");
  keys.api_key_header = "  ";
  EXPECT_EQ(presented_key(keys), "b");
}

TEST(KeyInBody, TakesTheFirstNameWithText) {
  EXPECT_EQ(key_in_body(R"({"apiKey":"c","api_key":" b "})"), "b");
  EXPECT_EQ(key_in_body(R"({"LIBRECHAT_CODE_API_KEY":"a","api_key":"b"})"), "a");
  EXPECT_EQ(key_in_body(R"({"api_key":5,"apiKey":"c"})"), "c");
  EXPECT_EQ(key_in_body(R"({"api_key":" "})"), std::nullopt);
  EXPECT_EQ(key_in_body("[1]"), std::nullopt);
  EXPECT_EQ(key_in_body("{"), std::nullopt);
  EXPECT_EQ(key_in_body(std::string(100000, '[')), std::nullopt);
}

TEST(ApiKeys, KnowsItsOwnOnly) {
  const ApiKeys keys({"first-key-0123456789", "second-key-0123456789"});
  EXPECT_EQ(keys.credential_of("first-key-0123456789"), "env");
  EXPECT_EQ(keys.credential_of("second-key-0123456789"), "env");
  EXPECT_FALSE(keys.credential_of("first-key-012345678"));
  EXPECT_FALSE(keys.credential_of(""));
}

TEST(ApiKeys, HoldersOfDifferentKeysQueueApart) {
  const std::string first = ApiKeys::queue_of("first-key-0123456789");
  EXPECT_EQ(first, ApiKeys::queue_of("first-key-0123456789"));
  EXPECT_NE(first, ApiKeys::queue_of("second-key-0123456789"));
  EXPECT_EQ(first.find("first"), first.npos);
}

TEST(ApiKeys, AnEmptySettingIsNoKey) {
  const ApiKeys keys({"", "  ", " padded-key "});
  EXPECT_FALSE(keys.credential_of(""));
  EXPECT_FALSE(keys.credential_of("  "));
  EXPECT_EQ(keys.credential_of("padded-key"), "env");
}

TEST(FailureLimiter, RefusesAfterTheLimitUntilTheWindowEnds) {
  FailureLimiter limiter(3, 60s);
  const std::chrono::steady_clock::time_point start{};
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(limiter.refuse("a", start));
    limiter.failed("a", start + std::chrono::seconds(i));
  }
  EXPECT_EQ(limiter.refuse("a", start + 10s), 50s);
  EXPECT_FALSE(limiter.refuse("b", start + 10s));
  EXPECT_FALSE(limiter.refuse("a", start + 60s));
}

TEST(FailureLimiter, ForgetsTheOldestOfTooManyAddresses) {
  FailureLimiter limiter(1, 60s);
  const std::chrono::steady_clock::time_point start{};
  limiter.failed("first", start);
  for (int i = 0; i < 10'000; ++i) limiter.failed(std::to_string(i), start + 1s);
  EXPECT_FALSE(limiter.refuse("first", start + 2s));
  EXPECT_TRUE(limiter.refuse("9999", start + 2s));
}

}  // namespace
}  // namespace ci::access
