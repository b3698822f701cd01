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

TEST(ApiKeys, KnowsItsOwnOnly) {
  const ApiKeys keys({"first-key-0123456789", "second-key-0123456789"});
  EXPECT_TRUE(keys.credential_of("first-key-0123456789"));
  EXPECT_TRUE(keys.credential_of("second-key-0123456789"));
  EXPECT_FALSE(keys.credential_of("first-key-012345678"));
  EXPECT_FALSE(keys.credential_of(""));
}

TEST(ApiKeys, EachKeyIsACredentialOfItsOwnThatDoesNotTellIt) {
  const ApiKeys keys({"first-key-0123456789", "second-key-0123456789"});
  const auto first = keys.credential_of("first-key-0123456789"), second = keys.credential_of("second-key-0123456789");
  ASSERT_TRUE(first && second);
  EXPECT_NE(*first, *second);
  EXPECT_NE(*first, former_credential);
  EXPECT_EQ(first->find("first"), first->npos);
  // Not of its place in the list, nor of what else is there.
  EXPECT_EQ(ApiKeys({"first-key-0123456789"}).credential_of("first-key-0123456789"), first);
}

TEST(ApiKeys, KeysOfOneNameAreOneCredential) {
  const ApiKeys keys({"team-a=old-key-0123456789", "team-a = new-key-0123456789", "team-b=other-key-0123456789"});
  EXPECT_EQ(keys.credential_of("old-key-0123456789"), "name-team-a");
  EXPECT_EQ(keys.credential_of("new-key-0123456789"), "name-team-a");
  EXPECT_EQ(keys.credential_of("other-key-0123456789"), "name-team-b");
  EXPECT_FALSE(keys.credential_of("team-a"));
}

TEST(ApiKeys, AKeyMayHaveAnEqualsSign) {
  const ApiKeys keys({"c2VjcmV0LXNlY3JldC1zZWNyZXQ=", "abc=0123456789abcdef", "a b=0123456789abcdef"});
  EXPECT_TRUE(keys.credential_of("c2VjcmV0LXNlY3JldC1zZWNyZXQ="));
  EXPECT_EQ(keys.credential_of("abc=0123456789abcdef"), "name-abc");  // as before there were names
  EXPECT_EQ(keys.credential_of("0123456789abcdef"), "name-abc");
  EXPECT_TRUE(keys.credential_of("a b=0123456789abcdef"));
  EXPECT_FALSE(keys.credential_of(""));
}

TEST(ApiKeys, AnEmptySettingIsNoKey) {
  const ApiKeys keys({"", "  ", " padded-key "});
  EXPECT_FALSE(keys.credential_of(""));
  EXPECT_FALSE(keys.credential_of("  "));
  EXPECT_TRUE(keys.credential_of("padded-key"));
}

TEST(FailureLimiter, RefusesAfterTheLimitUntilTheWindowEnds) {
  FailureLimiter limiter(3, 60s);
  const std::chrono::steady_clock::time_point start{};
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(limiter.refuse("a", start));
    EXPECT_EQ(limiter.has_failed("a", start), i > 0);
    limiter.failed("a", "", start + std::chrono::seconds(i));
  }
  EXPECT_EQ(limiter.refuse("a", start + 10s), 50s);
  EXPECT_FALSE(limiter.refuse("b", start + 10s));
  EXPECT_FALSE(limiter.has_failed("a", start + 60s));
  EXPECT_FALSE(limiter.refuse("a", start + 60s));
}

TEST(FailureLimiter, CountsTheSameKeyOnce) {
  FailureLimiter limiter(3, 60s);
  const std::chrono::steady_clock::time_point start{};
  for (int i = 0; i < 10; ++i) limiter.failed("a", "first", start);
  limiter.failed("a", "second", start);
  EXPECT_FALSE(limiter.refuse("a", start));
  limiter.failed("a", "third", start);
  EXPECT_TRUE(limiter.refuse("a", start));
  // In the next hour again.
  for (const char* key : {"first", "second"}) limiter.failed("a", key, start + 60s);
  EXPECT_FALSE(limiter.refuse("a", start + 60s));
  limiter.failed("a", "third", start + 60s);
  EXPECT_TRUE(limiter.refuse("a", start + 60s));
}

TEST(FailureLimiter, ForgetsTheOldestOfTooManyAddresses) {
  FailureLimiter limiter(1, 60s);
  const std::chrono::steady_clock::time_point start{};
  limiter.failed("first", "key", start);
  for (int i = 0; i < 10'000; ++i) limiter.failed(std::to_string(i), "key", start + 1s);
  EXPECT_FALSE(limiter.refuse("first", start + 2s));
  EXPECT_TRUE(limiter.refuse("9999", start + 2s));
}

}  // namespace
}  // namespace ci::access
