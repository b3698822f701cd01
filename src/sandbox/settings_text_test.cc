#include "sandbox/settings_text.h"

#include <gtest/gtest.h>

#include "base/failure.h"

namespace ci::sandbox {

TEST(SettingsText, IsReadAsItWasWritten) {
  StartSettings settings;
  settings.sandboxd.memory_bytes = 1;
  settings.sandboxd.processes = 2;
  settings.sandboxd.open_files = 3;
  settings.sandboxd.workspace_bytes = 4;
  settings.sandboxd.tmp_bytes = 5;
  settings.sandboxd.workspace_files = 6;
  settings.sandboxd.hostname = "näme";
  settings.sandboxd.languages = {"py", "bash"};
  settings.sandboxd.allow_weak = {"cgroup"};
  settings.sandboxd.runtimes = "/some/where";
  settings.sandboxd.root = "/another/system";
  settings.sandboxd.prepared = "/made/anew";
  settings.sandboxd.packages = "/of/ours";
  settings.sandboxd.package_sets = {"/sets/a", "/sets/b"};
  settings.sandboxd.cgroup_mount = "/else/where";
  settings.sandboxd.python_levels = {"stdlib"};
  settings.sandboxd.python_modules = {"sympy"};
  settings.sandboxd.keep_plots = false;
  settings.log.level = LogLevel::error;
  settings.log.format = LogFormat::text;
  settings.log.target = LogTarget::output;
  settings.log.logger = "sandboxd";
  settings.log.version = "1.2.3";
  const StartSettings read = parse_settings_text(settings_text(settings));
  EXPECT_EQ(read.sandboxd.memory_bytes, 1u);
  EXPECT_EQ(read.sandboxd.processes, 2u);
  EXPECT_EQ(read.sandboxd.open_files, 3u);
  EXPECT_EQ(read.sandboxd.workspace_bytes, 4u);
  EXPECT_EQ(read.sandboxd.tmp_bytes, 5u);
  EXPECT_EQ(read.sandboxd.workspace_files, 6u);
  EXPECT_EQ(read.sandboxd.hostname, "näme");
  EXPECT_EQ(read.sandboxd.languages, settings.sandboxd.languages);
  EXPECT_EQ(read.sandboxd.allow_weak, settings.sandboxd.allow_weak);
  EXPECT_EQ(read.sandboxd.runtimes, "/some/where");
  EXPECT_EQ(read.sandboxd.root, "/another/system");
  EXPECT_EQ(read.sandboxd.prepared, "/made/anew");
  EXPECT_EQ(read.sandboxd.packages, "/of/ours");
  EXPECT_EQ(read.sandboxd.package_sets, settings.sandboxd.package_sets);
  EXPECT_EQ(read.sandboxd.cgroup_mount, "/else/where");
  EXPECT_EQ(read.sandboxd.python_levels, settings.sandboxd.python_levels);
  EXPECT_EQ(read.sandboxd.python_modules, settings.sandboxd.python_modules);
  EXPECT_FALSE(read.sandboxd.keep_plots);
  EXPECT_EQ(read.log.level, LogLevel::error);
  EXPECT_EQ(read.log.format, LogFormat::text);
  EXPECT_EQ(read.log.target, LogTarget::output);
  EXPECT_EQ(read.log.logger, "sandboxd");
  EXPECT_EQ(read.log.version, "1.2.3");
}

TEST(SettingsText, ThatIsNoneIsRefused) {
  EXPECT_THROW(parse_settings_text(""), Failure);
  EXPECT_THROW(parse_settings_text("x"), Failure);
  const std::string text = settings_text({});
  EXPECT_THROW(parse_settings_text(std::string_view(text).substr(0, text.size() - 1)), Failure);
}

}  // namespace ci::sandbox
