#include "bench/bare_tool.h"

#include <gtest/gtest.h>

#include "base/failure.h"

namespace ci::bench {
namespace {

TEST(BareTool, EveryCaseHasARecipeThatIsRight) {
  // One of each language that this machine has; the slow libraries of Python are left to the bench itself.
  for (const Case& which : language_cases()) {
    if (!which.name.ends_with(" hello")) continue;
    const auto tool = BareTool::find(which);
    if (tool == nullptr) continue;
    EXPECT_GT(tool->run(), 0) << which.name;
    EXPECT_EQ(tool->command().find("/usr"), std::string::npos) << tool->command();
  }
}

TEST(BareTool, ShellsOutLikeAUser) {
  const auto tool = BareTool::find(case_named("bash hello"));
  ASSERT_NE(tool, nullptr);
  EXPECT_EQ(tool->command(), "bash code.sh");
  if (const auto compiler = BareTool::find(case_named("cpp hello"))) {
    EXPECT_EQ(compiler->command(), "g++ code.cpp -o program && ./program");
  }
}

TEST(BareTool, AWrongOutputIsNoTime) {
  const Case liar{"languages", "liar", "bash", "echo one {n}", "two {n}\n"};
  const auto tool = BareTool::find(liar);
  ASSERT_NE(tool, nullptr);
  EXPECT_THROW(tool->run(), Failure);
  const Case failing{"languages", "failing", "bash", "echo why >&2; exit 3", ""};
  try {
    BareTool::find(failing)->run();
    FAIL() << "a failure counts as a run";
  } catch (const Failure& failure) {
    EXPECT_NE(std::string(failure.what()).find("ends with 3: why"), std::string::npos) << failure.what();
  }
}

TEST(BareTool, UnknownLanguagesHaveNone) {
  const Case cobol{"languages", "cobol", "cobol", "", ""};
  EXPECT_EQ(BareTool::find(cobol), nullptr);
}

}  // namespace
}  // namespace ci::bench
