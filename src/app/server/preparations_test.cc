#include "app/server/preparations.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "languages/language.h"

namespace ci::app {
namespace {

namespace fs = std::filesystem;

class Preparations : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "preparations_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    base_ = pattern;
    std::ofstream(header_) << "int one;\n";
  }
  void TearDown() override {
    fs::remove_all(base_);
    fs::remove(header_);
  }

  // As a script does it when it has prepared something of the header as it is now.
  void prepare(const fs::path& place) const {
    struct stat info{};
    ASSERT_EQ(::stat(header_.c_str(), &info), 0);
    fs::create_directories(place / "cpp");
    std::ofstream(place / "cpp/inputs.txt") << info.st_size << ' ' << info.st_mtime << ' ' << header_.string() << '\n';
  }
  Prepared state() const {
    return look_at(preparations().front(), {base_ / "runtimes", base_ / "prepared", os::SystemRoot()});
  }

  fs::path base_;
  fs::path header_ = fs::temp_directory_path() / ("preparations_test.h." + std::to_string(::getpid()));
};

TEST_F(Preparations, FollowTheFilesThatTheyWereMadeOf) {
  ASSERT_EQ(preparations().front().folder, "cpp");
  EXPECT_EQ(state(), Prepared::absent);
  prepare(base_ / "runtimes");
  EXPECT_EQ(state(), Prepared::as_built);
  std::ofstream(header_) << "long another;\n";
  EXPECT_EQ(state(), Prepared::stale);
  prepare(base_ / "prepared");
  EXPECT_EQ(state(), Prepared::anew);
  fs::remove(header_);
  EXPECT_EQ(state(), Prepared::stale);
}

TEST_F(Preparations, OfAnotherSystemAreMadeOfItsFiles) {
  const PreparationPlaces places{base_ / "runtimes", base_ / "prepared", os::SystemRoot(base_ / "root")};
  const auto made_of = [](std::ofstream& manifest, const fs::path& file, const char* called) {
    struct stat info{};
    ASSERT_EQ(::stat(file.c_str(), &info), 0);
    manifest << info.st_size << ' ' << info.st_mtime << ' ' << called << '\n';
  };
  prepare(base_ / "runtimes");  // of this host's files
  EXPECT_EQ(look_at(preparations().front(), places), Prepared::stale);
  const fs::path header = base_ / "root/usr/include/one.h", script = base_ / "runtimes/cpp/prepare.py";
  fs::create_directories(header.parent_path());
  std::ofstream(header) << "int one;\n";
  std::ofstream(script) << "print(1)\n";
  fs::create_directories(base_ / "prepared/cpp");
  {
    std::ofstream manifest(base_ / "prepared/cpp/inputs.txt");
    made_of(manifest, header, "/usr/include/one.h");
    made_of(manifest, script, "/runtimes/cpp/prepare.py");
  }
  EXPECT_EQ(look_at(preparations().front(), places), Prepared::anew);
  std::ofstream(header) << "int another;\n";
  EXPECT_EQ(look_at(preparations().front(), places), Prepared::stale);
}

TEST_F(Preparations, AManifestThatEndsEarlySaysNothing) {
  fs::create_directories(base_ / "runtimes/cpp");
  std::ofstream(base_ / "runtimes/cpp/inputs.txt") << "";
  EXPECT_EQ(state(), Prepared::stale);
  std::ofstream(base_ / "runtimes/cpp/inputs.txt") << "12 ";
  EXPECT_EQ(state(), Prepared::stale);
}

TEST(PreparationsTable, NamesLanguagesAndWhatToSay) {
  for (const Preparation& each : preparations()) {
    EXPECT_NE(languages::find(each.language), nullptr) << each.folder;
    EXPECT_FALSE(each.what.empty() || each.loss.empty() || each.command.empty()) << each.folder;
  }
}

}  // namespace
}  // namespace ci::app
