#include "app/banner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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

TEST(Banner, ShowsTheGeneratedKeyOnATerminalOnly) {
  EXPECT_THAT(banner_text(facts(), true), HasSubstr("x-api-key: made-up-key"));
  const std::string elsewhere = banner_text(facts(), false);
  EXPECT_THAT(elsewhere, Not(HasSubstr("made-up-key")));
  EXPECT_THAT(elsewhere, Not(HasSubstr("\033")));
  EXPECT_THAT(elsewhere, HasSubstr("x-api-key: $(cat data/api_key)"));
}

TEST(Banner, NamesAnAddressThatCanBeReached) {
  BannerFacts local = facts();
  EXPECT_THAT(banner_text(local, false), HasSubstr("http://127.0.0.1:8000/exec"));
  local.host = "::1";
  local.tls = true;
  EXPECT_THAT(banner_text(local, false), HasSubstr("https://[::1]:8000/exec"));
}

TEST(Banner, KeysOfTheOperatorAreNotRepeated) {
  BannerFacts own = facts();
  own.generated_key.clear();
  EXPECT_THAT(banner_text(own, true), HasSubstr("x-api-key: $API_KEY"));
}

}  // namespace
}  // namespace ci::app
