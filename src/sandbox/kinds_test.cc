#include "sandbox/kinds.h"

#include <gtest/gtest.h>

namespace ci::sandbox {
namespace {

std::string kind(std::vector<std::string> imports) { return kinds_for("py", imports).front(); }

TEST(Kinds, PythonTakesTheSmallestZygoteThatHasTheImports) {
  EXPECT_EQ(kind({}), "py/stdlib");
  EXPECT_EQ(kind({"json", "requests"}), "py/stdlib");
  EXPECT_EQ(kind({"numpy"}), "py/numpy");
  EXPECT_EQ(kind({"pandas", "numpy"}), "py/pandas");
  EXPECT_EQ(kind({"matplotlib"}), "py/plot");
  EXPECT_EQ(kind({"sklearn", "json"}), "py/full");
}

TEST(Kinds, PythonFallsBackToLargerZygotesFirst) {
  const std::vector<std::string> imports = {"pandas"};
  EXPECT_EQ(
      kinds_for("py", imports), (std::vector<std::string>{"py/pandas", "py/plot", "py/full", "py/numpy", "py/stdlib"}));
}

TEST(Kinds, OtherLanguagesHaveOne) {
  EXPECT_EQ(kinds_for("bash", {}), std::vector<std::string>{"bash"});
  EXPECT_EQ(kinds_for("php", {}), std::vector<std::string>{"php"});  // which has a zygote, but only one
}

TEST(Kinds, NothingOfOurEnvironmentReachesAGuest) {
  ::setenv("API_KEY", "secret", 1);
  for (const std::string& variable : guest_environment()) EXPECT_EQ(variable.find("secret"), std::string::npos);
}

TEST(Kinds, WithASetOfPackagesAreOthers) {
  EXPECT_EQ(with_set("py/numpy", "data"), "py/numpy@data");
  EXPECT_EQ(with_set("bash", ""), "bash");
  EXPECT_EQ(parts_of_kind("py/numpy@data").plain, "py/numpy");
  EXPECT_EQ(parts_of_kind("py/numpy@data").set, "data");
  EXPECT_EQ(parts_of_kind("bash").plain, "bash");
  EXPECT_EQ(parts_of_kind("bash").set, "");
}

TEST(Kinds, ModulesOfTheOperatorAreInTheLastLevel) {
  const std::vector<std::string> last = {"sympy", "openpyxl.styles"};
  const std::vector<std::string> one = {"sympy"}, other = {"openpyxl"}, neither = {"numpy"};
  EXPECT_EQ(kinds_for("py", one, last).front(), "py/full");
  EXPECT_EQ(kinds_for("py", other, last).front(), "py/full");
  EXPECT_EQ(kinds_for("py", neither, last).front(), "py/numpy");
  EXPECT_EQ(kinds_for("py", one).front(), "py/stdlib");
}

}  // namespace
}  // namespace ci::sandbox
