#include "sandbox/kinds.h"

#include <gtest/gtest.h>

namespace ci::sandbox {
namespace {

std::string kind(std::vector<std::string> imports) { return kind_for("py", imports); }

TEST(Kinds, PythonTakesTheSmallestZygoteThatHasTheImports) {
  EXPECT_EQ(kind({}), "py/stdlib");
  EXPECT_EQ(kind({"json", "requests"}), "py/stdlib");
  EXPECT_EQ(kind({"numpy"}), "py/numpy");
  EXPECT_EQ(kind({"pandas", "numpy"}), "py/pandas");
  EXPECT_EQ(kind({"matplotlib"}), "py/plot");
  EXPECT_EQ(kind({"sklearn", "json"}), "py/full");
}

TEST(Kinds, OtherLanguagesHaveOne) { EXPECT_EQ(kind_for("bash", {}), "bash"); }

TEST(Kinds, NothingOfOurEnvironmentReachesAGuest) {
  ::setenv("API_KEY", "secret", 1);
  for (const std::string& variable : guest_environment()) EXPECT_EQ(variable.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace ci::sandbox
