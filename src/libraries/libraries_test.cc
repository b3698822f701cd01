#include "libraries/libraries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace ci::libraries {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class Libraries : public testing::Test {
 protected:
  Libraries() : root_(fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~Libraries() override { fs::remove_all(root_); }

  void file(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  void python(const std::string& version) {
    fs::create_directories(root_ / "usr/bin");
    fs::create_symlink(version, root_ / "usr/bin/python3");
  }

  std::vector<std::string> found(const std::vector<fs::path>& packages = {}) {
    std::vector<std::string> words;
    for (const Library& one : find_libraries(os::SystemRoot(root_), packages)) {
      std::string word = one.language + " " + one.name + " " + one.version;
      for (const std::string& module : one.imports) word += " " + module;
      words.push_back(std::move(word));
    }
    return words;
  }

  fs::path root_;
};

TEST_F(Libraries, AreNoneInAnEmptyTree) { EXPECT_THAT(found(), ElementsAre()); }

TEST_F(Libraries, OfPythonAreSaidByTheirDescriptions) {
  const fs::path place = "usr/lib/python3/dist-packages";
  file(place / "Pillow-9.4.0.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: Pillow\nVersion: 9.4.0\n\nName: text\n");
  file(place / "Pillow-9.4.0.egg-info/top_level.txt", "PIL\n");
  file(place / "numpy-1.24.2.dist-info/METADATA", "Name: numpy\nVersion: 1.24.2\n");
  file(place / "numpy/__init__.py", "");
  file(place / "single.egg-info", "Name: Some-Thing\nVersion: 1\n");
  file(place / "some_thing.py", "");
  file(place / "broken.dist-info/METADATA", "nothing\n");
  python("python3.11");
  file("usr/local/lib/python3.9/dist-packages/numpy-1.dist-info/METADATA", "Name: numpy\nVersion: 1\n");
  file("usr/local/lib/python3.11/dist-packages/numpy-2.dist-info/METADATA", "Name: numpy\nVersion: 2\n");
  EXPECT_THAT(found(), ElementsAre("py numpy 2", "py Pillow 9.4.0 PIL", "py Some-Thing 1 some_thing"));
}

TEST_F(Libraries, OfPythonWithoutAListOfModulesAreWhatTheirPackageBrought) {
  const fs::path place = "usr/lib/python3/dist-packages";
  file(place / "scikit_image-0.25.2.dist-info/METADATA", "Name: scikit-image\nVersion: 0.25.2\n");
  const std::string begin = "/" + place.string();
  file(
      "var/lib/dpkg/info/python3-skimage.list",
      "/usr\n" + begin + "\n" + begin + "/_skimage\n" + begin + "/scikit_image-0.25.2.dist-info\n" + begin +
          "/scikit_image-0.25.2.dist-info/METADATA\n" + begin + "/skimage\n" + begin + "/skimage/io\n" + begin +
          "/skimage_tools.py\n" + begin + "/skimage.so\n" + begin + "/skimage-stubs\n");
  EXPECT_THAT(found(), ElementsAre("py scikit-image 0.25.2 skimage skimage_tools"));
}

TEST_F(Libraries, OfPythonAreAlsoThoseOfAnIndex) {
  python("python3.11");
  file(
      "usr/lib/kubecoderun/python/lib/python3.11/site-packages/python_pptx-1.0.2.dist-info/METADATA",
      "Name: python-pptx\nVersion: 1.0.2\n");
  file(
      "usr/lib/kubecoderun/python/lib/python3.11/site-packages/python_pptx-1.0.2.dist-info/RECORD",
      "../../../bin/tool,sha256=x,1\npptx/__init__.py,sha256=x,2\npptx/util.py,,\npptx.libs/a.so,,\nalone.py,,\n"
      "fast.cpython-311-x86_64-linux-gnu.so,,\n_hidden.py,,\nnotes.txt,,\npython_pptx-1.0.2.dist-info/RECORD,,\n");
  EXPECT_THAT(found(), ElementsAre("py python-pptx 1.0.2 pptx alone fast"));
}

TEST_F(Libraries, OfTheOperatorAreFoundBeforeThoseOfTheSystem) {
  file("usr/lib/python3/dist-packages/Pillow-9.4.0.egg-info/PKG-INFO", "Name: Pillow\nVersion: 9.4.0\n");
  file("own/py/pillow-11.dist-info/METADATA", "Name: pillow\nVersion: 11\n");
  file("own/py/polars-1.dist-info/METADATA", "Name: polars\nVersion: 1\n");
  file("set/py/polars-2.dist-info/METADATA", "Name: polars\nVersion: 2\n");
  file("own/js/node_modules/@ours/tool/package.json", R"({"version": "3.0.0"})");
  file("own/java/our-lib-1.2.jar", "");
  file("own/java/our-lib-1.10.jar", "");
  file("own/java/log4j-1.2-api-2.20.0.jar", "");
  file("own/java/gson-2.11.jar", "");
  file("usr/share/java/gson.jar", "");
  file("own/java/plain.jar", "");
  file("own/r/forecast/DESCRIPTION", "Package: forecast\nVersion: 8.1\n");
  for (const char* version : {"v1.9.0", "v1.10.0", "v1.2.0"})
    file(fs::path("own/go/cache/download/github.com/!burnt!sushi/toml/@v") / (std::string(version) + ".zip"), "");
  file("own/other/py/nothing-1.dist-info/METADATA", "Name: nothing\nVersion: 1\n");
  EXPECT_THAT(
      found({root_ / "set", root_ / "own", root_ / "absent"}),
      testing::UnorderedElementsAre(
          "py pillow 11", "py polars 2", "js @ours/tool 3.0.0", "ts @ours/tool 3.0.0", "java our-lib 1.2",

          "java our-lib 1.10", "java log4j-1.2-api 2.20.0", "java gson 2.11", "java plain ", "r forecast 8.1",
          "go github.com/BurntSushi/toml v1.10.0"));
  EXPECT_THAT(found(), ElementsAre("py Pillow 9.4.0", "java gson "));
}

TEST_F(Libraries, MayHaveOddDescriptions) {
  file("own/py/windows-1.dist-info/METADATA", "Name: windows\r\nVersion: 1.0\r\n\r\nName: other\r\n");
  file("own/py/latin-1.dist-info/METADATA", "Name: lat\xE9in\nVersion: 1\n");
  file("own/py/blank-1.dist-info/METADATA", std::string(1 << 20, '\n'));
  file("own/py/large-1.dist-info/METADATA", "Name: large\nVersion: 1\n" + std::string(17 << 20, 'x'));
  fs::create_directories(root_ / "own/py/folder-1.dist-info/METADATA");
  fs::create_directories(root_ / "own/py/pipe-1.dist-info");
  ASSERT_EQ(::mkfifo((root_ / "own/py/pipe-1.dist-info/METADATA").c_str(), 0600), 0);
  file("own/js/node_modules/marked/package.json", "\xEF\xBB\xBF{\"version\": \"4.0.0\"}");
  fs::create_directories(root_ / "own/js/node_modules/broken");
  fs::create_symlink("nowhere", root_ / "own/js/node_modules/broken/package.json");
  EXPECT_THAT(found({root_ / "own"}), ElementsAre("py windows 1.0", "js marked 4.0.0", "ts marked 4.0.0"));
}

TEST_F(Libraries, OfNodeAreThoseThatWereAskedFor) {
  const fs::path place = "usr/lib/kubecoderun/node";
  file(
      place / "package.json",
      R"({"dependencies": {"lodash": "^4", "@types/lodash": "^4", "absent": "^1", "strange": "^1"}})");
  file(place / "node_modules/lodash/package.json", R"({"version": "4.17.21"})");
  file(place / "node_modules/other/package.json", R"({"version": "1.0.0"})");
  fs::create_directories(root_ / place / "node_modules/strange/package.json");
  EXPECT_THAT(found(), ElementsAre("js lodash 4.17.21", "ts lodash 4.17.21"));
}

TEST_F(Libraries, OfNodeAreNoneWhereTheDescriptionIsBroken) {
  file("usr/lib/kubecoderun/node/package.json", R"({"dependencies": ["lodash"]})");
  EXPECT_THAT(found(), ElementsAre());
}

TEST_F(Libraries, OfOtherLanguages) {
  file("usr/share/java/gson.jar", "");
  file("usr/share/java/gson-2.10.jar", "");
  file("usr/share/java/maven3-core.jar", "");
  // As Debian has it: what is switched on is a link that leads to the tree's own file.
  file("etc/php/8.2/mods-available/zip.ini", "; comment\nextension=zip.so\n");
  fs::create_directories(root_ / "etc/php/8.2/cli/conf.d");
  fs::create_symlink("/etc/php/8.2/mods-available/zip.ini", root_ / "etc/php/8.2/cli/conf.d/20-zip.ini");
  file("usr/lib/R/site-library/dplyr/DESCRIPTION", "Package: dplyr\nTitle: A\n  B: c\nVersion: 1.0.10\n");
  file("usr/lib/R/library/stats/DESCRIPTION", "Package: stats\nVersion: 4\nPriority: base\n");
  file(
      "var/lib/dpkg/status",
      "Package: libeigen3-dev\nStatus: install ok installed\nVersion: 1:3.4.0-4\n\n"
      "Package: nlohmann-json3-dev\nStatus: deinstall ok config-files\nVersion: 3.11.2-2\n");
  EXPECT_THAT(found(), ElementsAre("java gson 2.10", "php zip 8.2", "r dplyr 1.0.10", "cpp Eigen 3.4.0"));
}

}  // namespace
}  // namespace ci::libraries
