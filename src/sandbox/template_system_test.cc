#include "sandbox/template_system.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace ci::sandbox {
namespace {

namespace fs = std::filesystem;

class TemplateSystem : public testing::Test {
 protected:
  TemplateSystem() {
    std::string name = (fs::temp_directory_path() / "kubecoderun-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    root_ = name;
  }
  ~TemplateSystem() override { fs::remove_all(root_); }

  std::string text_of(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(root_ / name).rdbuf();
    return text.str();
  }

  fs::path root_;
};

TEST_F(TemplateSystem, FindsTheConfigurationOfRuntimesWhateverTheirVersions) {
  for (const char* name :
       {"python3", "python3.13", "java-21-openjdk", "ImageMagick-7", "libreoffice", "ssl/private", "python3.new"}) {
    fs::create_directories(root_ / name);
  }
  for (const char* name : {"shadow", "machine-id", "ssl/openssl.cnf", "java-21-openjdk.old"}) make_file(root_ / name);
  std::vector<fs::path> found = configuration_of(root_);
  std::ranges::sort(found);
  EXPECT_EQ(
      found, (std::vector<fs::path>{
                 "ImageMagick-7", "java-21-openjdk", "libreoffice", "python3", "python3.13", "ssl/openssl.cnf"}));
  EXPECT_TRUE(configuration_of(root_ / "missing").empty());
}

TEST_F(TemplateSystem, HasAsManyProcessorsAsTheMachineEachACoreOfItsOwn) {
  make_sys(root_ / "sys");
  const long processors = ::sysconf(_SC_NPROCESSORS_ONLN);
  const std::string cpu = "sys/devices/system/cpu/";
  EXPECT_EQ(text_of(cpu + "online"), processors == 1 ? "0\n" : "0-" + std::to_string(processors - 1) + "\n");
  const std::string last = cpu + "cpu" + std::to_string(processors - 1);
  EXPECT_EQ(text_of(last + "/topology/core_id"), std::to_string(processors - 1) + "\n");
  EXPECT_EQ(text_of(last + "/topology/thread_siblings_list"), std::to_string(processors - 1) + "\n");
  EXPECT_FALSE(fs::exists(root_ / (cpu + "cpu" + std::to_string(processors))));
  // The same length as the mask of all, and one bit.
  const std::string own = text_of(last + "/topology/thread_siblings"), all = text_of(last + "/topology/core_siblings");
  EXPECT_EQ(own.size(), all.size());
  EXPECT_EQ(own.find_first_not_of("0,\n"), own.find_last_not_of("0,\n"));
  EXPECT_EQ(own.find_first_not_of("0,\n"), all.find_first_not_of("0,\n"));
}

TEST_F(TemplateSystem, TrustsWhatTheDistributionTrustsAndTellsNothingElse) {
  make_etc(root_ / "etc", "sandbox", {});
  EXPECT_EQ(text_of("etc/hostname"), "sandbox\n");
  EXPECT_EQ(fs::read_symlink(root_ / "etc/os-release"), "../usr/lib/os-release");
  EXPECT_FALSE(fs::exists(root_ / "etc/ssl/private"));
  if (!fs::exists(root_ / "etc/ssl/certs")) GTEST_SKIP() << "ca-certificates is not installed";
  for (const auto& entry : fs::directory_iterator(root_ / "etc/ssl/certs")) {
    EXPECT_TRUE(entry.is_symlink()) << entry.path();
    EXPECT_TRUE(
        fs::canonical("/etc/ssl/certs" / entry.path().filename()).native().starts_with("/usr/share/ca-certificates/"))
        << entry.path();
  }
}

}  // namespace
}  // namespace ci::sandbox
