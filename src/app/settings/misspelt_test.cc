#include "app/settings/misspelt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::app {
namespace {

using ::testing::ElementsAre;

TEST(Misspelt, ANameThatIsNearlyASettingIsTold) {
  const Variables variables = {
      {"MAX_EXECUTION_TIMES", "5"}, {"API_PROT", "80"}, {"REDIS_ULR", "x"},     {"LOGNAME", "me"}, {"API_KYES", "k"},
      {"MAX_EXECUTION_TIME", "5"},  {"PATH", "/bin"},   {"SOMETHING_ELSE", "1"}};
  std::vector<std::string> told;
  for (const Misspelt& each : misspelt_settings(variables)) told.push_back(each.name + " → " + each.known);
  EXPECT_THAT(
      told, ElementsAre(
                "API_KYES → API_KEYS", "API_PROT → API_PORT", "MAX_EXECUTION_TIMES → MAX_EXECUTION_TIME",
                "REDIS_ULR → REDIS_URL"));
}

}  // namespace
}  // namespace ci::app
