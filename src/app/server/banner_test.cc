#include "app/server/banner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::app {
namespace {

using ::testing::HasSubstr;

BannerFacts facts() {
  BannerFacts result;
  result.version = "1.2.3";
  result.host = "0.0.0.0";
  result.port = 8000;
  result.languages = {"bash", "js", "py"};
  result.generated_key = "made-up-key";
  result.key_file = "data/api_key";
  return result;
}

TEST(Banner, ShowsTheGeneratedKey) {
  EXPECT_THAT(banner_text(facts()), HasSubstr("x-api-key: made-up-key"));
  EXPECT_THAT(banner_text(facts()), HasSubstr("data/api_key"));
}

TEST(Banner, NamesAnAddressThatCanBeReached) {
  BannerFacts local = facts();
  EXPECT_THAT(banner_text(local), HasSubstr("http://127.0.0.1:8000/exec"));
  local.host = "::1";
  local.tls = true;
  EXPECT_THAT(banner_text(local), HasSubstr("https://[::1]:8000/exec"));
}

TEST(Banner, KeysOfTheOperatorAreNotRepeated) {
  BannerFacts own = facts();
  own.generated_key.clear();
  EXPECT_THAT(banner_text(own), HasSubstr("x-api-key: $API_KEY"));
}

}  // namespace
}  // namespace ci::app
