#include "sandbox/link_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <fstream>

namespace ci::sandbox {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

TEST(LinkOptions, AreThoseOfTheHeadersThatASourceIncludes) {
  EXPECT_THAT(link_options(""), ElementsAre());
  EXPECT_THAT(link_options("#include <stdio.h>\n// zlib.h\nint main() {}"), ElementsAre());
  EXPECT_THAT(link_options("#include <zlib.h>"), ElementsAre("-lz"));
  EXPECT_THAT(
      link_options("int x;\n \t#  include<gsl/gsl_math.h>\n#include <gsl/gsl_sf.h>\r\n#include <omp.h> // threads\n"),
      ElementsAre("-lgsl", "-lgslcblas", "-fopenmp"));
}

TEST(LinkOptions, AreNotOfFilesThatAreCalledAlike) {
  EXPECT_THAT(
      link_options("#include \"zlib.h\"\n#include <zlib.hpp>\n#include <my/omp.h>\n# define include <omp.h>"),
      ElementsAre());
}

TEST(QuickLinker, IsTheQuickestThatIsThere) {
  const fs::path place = fs::path(testing::TempDir()) / "quick_linker";
  fs::remove_all(place);
  EXPECT_THAT(quick_linker(place), ElementsAre());
  fs::create_directories(place);
  std::ofstream(place / "ld.bfd");
  EXPECT_THAT(quick_linker(place), ElementsAre());
  std::ofstream(place / "ld.mold");
  EXPECT_THAT(quick_linker(place), ElementsAre("-fuse-ld=mold"));
  std::ofstream(place / "ld.gold");
  EXPECT_THAT(quick_linker(place), ElementsAre("-fuse-ld=gold"));
  fs::remove_all(place);
}

TEST(CrateOptions, AreOfTheFirstDirectoryThatHasAList) {
  const fs::path place = fs::path(testing::TempDir()) / "crate_options", other = place / "other";
  fs::remove_all(place);
  fs::create_directories(other);
  const std::array directories = {place, other};
  EXPECT_THAT(crate_options(directories), ElementsAre());
  std::ofstream(other / "crates.txt") << "serde libserde-1.rlib\nrand librand-2.rlib\n";
  const std::string folder = other;
  EXPECT_THAT(
      crate_options(directories), ElementsAre(
                                      "-L", "dependency=" + folder, "--extern", "serde=" + folder + "/libserde-1.rlib",
                                      "--extern", "rand=" + folder + "/librand-2.rlib"));
  std::ofstream(place / "crates.txt");  // there are none
  EXPECT_THAT(crate_options(directories), ElementsAre());
  fs::remove_all(place);
}

}  // namespace
}  // namespace ci::sandbox
