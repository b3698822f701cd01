#include "sandbox/package_set.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include <array>
#include <filesystem>

#include "base/sys.h"
#include "sandbox/compile.h"
#include "sandbox/own_packages.h"
#include "sandbox/template_root.h"

namespace ci::sandbox {

namespace fs = std::filesystem;

namespace {

// Zygotes of a set that nobody uses hold memory: a Python with all levels 200 MB.
constexpr auto longest_idle = std::chrono::minutes(5);

UniqueFd own_root() {
  return UniqueFd(sys("holding a root", [] { return ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC); }));
}

void enter(int root) {
  sys("entering a root", [&] { return ::setns(root, CLONE_NEWNS); });
}

class Return {
 public:
  ~Return() { enter(home_.get()); }  // else whatever we make next would have what is not its own

 private:
  UniqueFd home_ = own_root();
};

// Of each package in `from` that `into` does not have yet; the scope of "@scope/name" is a directory.
void link_modules(const fs::path& from, const fs::path& into) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(from, ignored)) {
    const std::string name = entry.path().filename();
    const fs::path link = into / name;
    if (name.starts_with("@")) {
      fs::create_directory(link);
      link_modules(entry.path(), link);
    } else if (!name.starts_with(".") && !fs::exists(fs::symlink_status(link))) {
      fs::create_symlink(entry.path(), link);
    }
  }
}

// Node looks for modules of `import` in the directories above a program and nowhere else. One of these has the links to both.
void mix_modules() {
  const std::array<fs::path, 2> both = {
      fs::path(package_set_mount) / "js/node_modules", fs::path(packages_mount) / "js/node_modules"};
  std::error_code ignored;
  if (!fs::is_directory(both.front(), ignored)) return;
  const fs::path above = fs::path(workspace).parent_path(), modules = above / "node_modules";
  sys("mounting the modules of Node",
      [&] { return ::mount("sandbox", above.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m"); });
  for (const fs::path& directory : {fs::path(workspace), modules}) fs::create_directory(directory);
  make_empty_scripts(workspace);
  for (const fs::path& from : both) link_modules(from, modules);
  sys("making the modules of Node read-only", [&] {
    return ::mount(nullptr, above.c_str(), nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, nullptr);
  });
}

UniqueFd make_root(const UniqueFd& tree, std::vector<std::string>& environment) {
  const Return afterwards;
  sys("making a root for a set of packages", [] { return ::unshare(CLONE_NEWNS); });
  attach(without_path(tree, "packages", workspace, build_directory), package_set_mount);
  mix_modules();
  const std::array<fs::path, 2> both = {package_set_mount, packages_mount};
  add_package_paths(environment, both);
  return own_root();
}

}  // namespace

PackageSet::PackageSet(const UniqueFd& tree, std::vector<std::string> environment, const GuestLimits& limits)
    : root_(make_root(tree, environment)),
      environment_(std::move(environment)),
      zygotes_(environment_, limits, root_.get(), longest_idle) {}

InRoot::InRoot(int root) : home_(own_root()) { enter(root); }

InRoot::~InRoot() { enter(home_.get()); }

}  // namespace ci::sandbox
