#include "sandbox/headers.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace ci::sandbox {
namespace {

using Names = std::vector<std::string_view>;

TEST(LeadingIncludes, AreThoseBeforeAnythingElse) {
  EXPECT_EQ(leading_includes("#include <vector>\n#include <map>\nint x;\n#include <set>\n"), (Names{"vector", "map"}));
  EXPECT_EQ(
      leading_includes("\n  # include<vector>  // why\r\n/* a\n b */\n#\tinclude <bits/stdc++.h>"),
      (Names{"vector", "bits/stdc++.h"}));
  EXPECT_EQ(leading_includes("#include \"vector\"\n#include <map>\n"), Names{});
  EXPECT_EQ(leading_includes("#define assert(x)\n#include <map>\n"), Names{});
  EXPECT_EQ(leading_includes("using namespace std;\n#include <map>\n"), Names{});
  EXPECT_EQ(leading_includes(""), Names{});
}

TEST(LeadingIncludes, EndWhereSomethingIsUnusual) {
  EXPECT_EQ(leading_includes("// goes on \\\n#include <map>\n"), Names{});
  EXPECT_EQ(leading_includes("#include <map> int x;\n"), Names{});
  EXPECT_EQ(leading_includes("#include <ma\\\np>\n"), Names{});
  EXPECT_EQ(leading_includes("#include <map> /* over\n lines */\n"), Names{});
  EXPECT_EQ(leading_includes("/* without end\n#include <map>\n"), Names{});
  EXPECT_EQ(leading_includes("#include <map"), Names{});
  EXPECT_EQ(leading_includes("#if 0\n#include <map>\n#endif\n"), Names{});
  EXPECT_EQ(leading_includes("#include_next <map>\n"), Names{});
}

class PreparedHeaders : public testing::Test {
 protected:
  PreparedHeaders()
      : directory_(std::filesystem::path(testing::TempDir()) / ("headers-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory_);
    std::ofstream(directory_ / "part") << "text";
    std::ofstream(directory_ / "list.txt")
        << "brings iostream string ios\nset big iostream vector\nset small iostream\nset text string\n";
    for (const char* name : {"big", "small", "text"}) {
      std::filesystem::create_directory(directory_ / name);
      describe(name, 0);
    }
  }
  ~PreparedHeaders() override { std::filesystem::remove_all(directory_); }

  void describe(const std::string& name, long later) const {
    struct stat info{};
    ::stat((directory_ / "part").c_str(), &info);
    std::ofstream(directory_ / name / "files.txt")
        << info.st_size << ' ' << info.st_mtime + later << ' ' << (directory_ / "part").string() << '\n';
  }
  std::string chosen(std::string_view source) const {
    const auto found = prepared_headers(directory_, source);
    return found ? std::filesystem::path(*found).parent_path().filename().string() : "none";
  }

  std::filesystem::path directory_;
};

TEST_F(PreparedHeaders, HoldNothingThatTheSourceDoesNotInclude) {
  EXPECT_EQ(chosen("#include <vector>\n#include <iostream>\n#include <map>\n"), "big");
  EXPECT_EQ(chosen("#include <iostream>\n"), "small");
  EXPECT_EQ(chosen("#include <iostream>\nint x;\n#include <vector>\n"), "small");
  EXPECT_EQ(chosen("#include <string>\n"), "text");
  EXPECT_EQ(chosen("#include <ios>\n"), "none");
  EXPECT_EQ(chosen("int x;\n"), "none");
}

TEST_F(PreparedHeaders, AreNotUsedWhenTheirPartsChanged) {
  describe("big", 1);
  EXPECT_EQ(chosen("#include <vector>\n#include <iostream>\n"), "small");
  std::ofstream(directory_ / "small" / "files.txt") << "";
  EXPECT_EQ(chosen("#include <vector>\n#include <iostream>\n"), "text");
  std::ofstream(directory_ / "text" / "files.txt") << "4 broken";
  EXPECT_EQ(chosen("#include <vector>\n#include <iostream>\n"), "none");
  std::filesystem::remove(directory_ / "list.txt");
  EXPECT_EQ(chosen("#include <iostream>\n"), "none");
}

}  // namespace
}  // namespace ci::sandbox
