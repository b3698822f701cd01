// Sets of packages for real: what programs see with one and without. Skips where the host has no sandboxes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "pool/testing/engine.h"

namespace ci::pool {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

// What of each kind of package says whose it is.
void fill(const fs::path& directory, const std::string& whose) {
  write(directory / "py/ours.py", "whose = '" + whose + "'\n");
  write(directory / "js/node_modules/ours/package.json", R"({"name": "ours", "main": "index.js"})");
  write(directory / "js/node_modules/ours/index.js", "exports.whose = '" + whose + "';\n");
  write(directory / "cpp/include/ours.h", "#define WHOSE \"" + whose + "\"\n");
  write(directory / ("only-" + whose), "");
}

// Removed at the end of the process that has made them.
class Directories {
 public:
  Directories() {
    std::string name = (fs::temp_directory_path() / "kubecoderun-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return;
    root = name;
    fs::permissions(root, fs::perms(0755));
    fill(root / "packages", "everybody");
    write(root / "packages/py/common.py", "whose = 'everybody'\n");
    write(root / "packages/js/node_modules/common/index.js", "exports.whose = 'everybody';\n");
    for (const char* set : {"alpha", "beta"}) fill(root / "sets" / set, set);
  }
  ~Directories() {
    std::error_code ignored;
    if (::getpid() == maker_) fs::remove_all(root, ignored);
  }
  fs::path root;

 private:
  pid_t maker_ = ::getpid();
} const directories;

sandbox::SandboxdSettings with_sets() {
  sandbox::SandboxdSettings settings = testing::Engine::small_sandboxes(RUNTIMES_DIRECTORY);
  settings.languages = {"bash", "py", "js", "c"};
  settings.python_levels = {"stdlib"};
  settings.packages = directories.root / "packages";
  settings.package_sets = {directories.root / "sets/alpha", directories.root / "sets/beta", "/not/there"};
  return settings;
}

testing::Engine* const engine_with_sets =
    static_cast<testing::Engine*>(::testing::AddGlobalTestEnvironment(new testing::Engine(with_sets(), {})));

awaitable<std::string> run_once(std::string language, std::string code, std::string set) {
  Demand demand(language, {});
  demand.packages = std::move(set);
  auto lease = co_await engine_with_sets->pool->acquire(std::move(demand), after(60s));
  Program program;
  program.code = std::move(code);
  program.compile_limit = 60s;
  co_await lease->start(std::move(program));
  std::string text;
  for (;;) {
    Event event = co_await lease->next();
    if (const auto* output = std::get_if<Output>(&event)) text += output->bytes;
    if (std::holds_alternative<Collected>(event)) co_return text;
  }
}

class PackageSets : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!engine_with_sets->missing().empty()) GTEST_SKIP() << engine_with_sets->missing();
  }
  static bool offers(const std::string& language) {
    const std::vector<std::string> languages = engine_with_sets->pool->languages();
    return std::ranges::find(languages, language) != languages.end();
  }
  // What it printed; empty when it could not be run.
  std::string run(const std::string& language, const std::string& code, const std::string& set) {
    std::string text;
    engine_with_sets->reason.clear();
    engine_with_sets->wait([&]() -> awaitable<void> { text = co_await run_once(language, code, set); });
    return text;
  }
};

TEST_F(PackageSets, AreThoseThatCouldBeTaken) {
  EXPECT_THAT(engine_with_sets->pool->package_sets(), ElementsAre("alpha", "beta"));
  EXPECT_EQ(run("bash", "echo", "gamma"), "");
  EXPECT_THAT(engine_with_sets->reason, HasSubstr("no set of packages gamma"));
  engine_with_sets->reason.clear();  // else the others take it for that of the host
}

TEST_F(PackageSets, ComeBeforeWhatEverybodyHas) {
  const std::map<std::string, std::string> programs = {
      {"py", "import ours, common\nprint(ours.whose, common.whose)"},
      {"js", "import ours from 'ours'; import common from 'common';\nconsole.log(ours.whose, common.whose)"},
      {"bash", "cd /tmp; python3 -c 'import ours, common; print(ours.whose, common.whose)'"},
      {"c", "#include <ours.h>\n#include <stdio.h>\nint main(void) { puts(WHOSE \" everybody\"); }"}};
  for (const auto& [language, code] : programs) {
    if (!offers(language)) continue;
    for (const char* set : {"alpha", "beta", "", "alpha"}) {
      const std::string whose = *set == '\0' ? "everybody" : set;
      EXPECT_EQ(run(language, code, set), whose + " everybody\n") << language << engine_with_sets->reason;
    }
  }
}

TEST_F(PackageSets, SeeNothingOfEachOther) {
  const std::string code = "find /packages* -name 'only-*' | sort; touch /packages-set/x 2>/dev/null || echo refused";
  EXPECT_EQ(run("bash", code, "alpha"), "/packages-set/only-alpha\n/packages/only-everybody\nrefused\n");
  EXPECT_EQ(run("bash", code, "beta"), "/packages-set/only-beta\n/packages/only-everybody\nrefused\n");
  EXPECT_EQ(run("bash", code, ""), "/packages/only-everybody\nrefused\n");
  const std::string mounts = run("bash", "cat /proc/self/mountinfo", "alpha");
  EXPECT_THAT(mounts, HasSubstr(" /packages-set ro,nosuid,nodev"));
  EXPECT_THAT(mounts, Not(HasSubstr("beta")));
  EXPECT_THAT(mounts, Not(HasSubstr(directories.root.filename().string())));
  EXPECT_THAT(run("bash", "cat /proc/self/mountinfo", ""), Not(HasSubstr("packages-set")));
}

}  // namespace
}  // namespace ci::pool
