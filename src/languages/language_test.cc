#include "languages/language.h"

#include <gtest/gtest.h>

namespace ci::languages {
namespace {

using Modules = std::vector<std::string>;

TEST(Language, IsFoundByCodeAndAliasWithoutRegardToCase) {
  EXPECT_EQ(find("PY")->code, "py");
  EXPECT_EQ(find("Python")->code, "py");
  EXPECT_EQ(find("node")->code, "js");
  EXPECT_EQ(find("sh")->code, "bash");
  EXPECT_EQ(find("cobol"), nullptr);
  EXPECT_EQ(find(""), nullptr);
}

TEST(Language, HasTimeToCompileHoweverShortItsProgramMayRun) {
  using namespace std::chrono_literals;
  EXPECT_EQ(find("cpp")->compile_limit(2s), 10s);
  EXPECT_EQ(find("cpp")->compile_limit(60s), 30s);
  EXPECT_EQ(find("rs")->compile_limit(30s), 60s);
  EXPECT_EQ(find("py")->compile_limit(30s), 0s);
}

TEST(PythonImports, ReadsEveryForm) {
  EXPECT_EQ(
      python_imports("import numpy as np, pandas.io\nfrom matplotlib.pyplot import plot"),
      (Modules{"matplotlib", "numpy", "pandas"}));
  EXPECT_EQ(python_imports("def f():\n    import json; import re # import os\n"), (Modules{"json", "re"}));
  EXPECT_EQ(python_imports("from . import x\nfrom .a import b\nimport\nimport ,\n"), Modules{});
  EXPECT_EQ(python_imports("important = 1\nprint('import os')\n"), Modules{});
  EXPECT_EQ(python_imports(""), Modules{});
}

}  // namespace
}  // namespace ci::languages
