#include <fmt/format.h>
#include <sys/stat.h>

#include "app/commands/doctor/examine.h"
#include "app/server/compose.h"
#include "base/failure.h"
#include "sandbox/own_packages.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

constexpr const char* group = "Own packages";

// Sandboxes have users of their own. Looks at folders and what is directly in them; whoever installed one with a strict umask installed
// all with it.
fs::path closed_to_others(const fs::path& directory) {
  std::error_code ignored;
  for (auto at = fs::recursive_directory_iterator(directory, ignored); at != fs::recursive_directory_iterator();
       at.increment(ignored)) {
    if (at.depth() >= 4) at.disable_recursion_pending();
    struct stat info{};
    if (::lstat(at->path().c_str(), &info) != 0 || S_ISLNK(info.st_mode)) continue;
    if ((info.st_mode & (S_ISDIR(info.st_mode) ? S_IXOTH : S_IROTH)) == 0) return at->path();
  }
  return {};
}

// `set`: its name; empty: what all programs see.
void examine_directory(
    Findings& findings, const Settings& settings, const fs::path& directory, const std::string& set) {
  const std::string of_set = set.empty() ? "" : "set " + set + ": ";
  const fs::path closed = closed_to_others(directory);
  findings.add(
      group, of_set + "may be read by sandboxes", closed.empty(),
      closed.empty() ? "yes" : closed.string() + " is closed to them", "programs cannot load it",
      fmt::format("chmod -R go+rX {}", directory.string()), Verdict::weak);
  std::error_code ignored;
  if (!fs::is_directory(directory / "py", ignored)) return;
  const fs::path python = sandbox::python_packages(directory, programs_root(settings));
  findings.add(
      group, of_set + "of Python", !python.empty(),
      python.empty() ? fmt::format("{} was made for another version of Python", (directory / "py").string())
                     : python.string(),
      "programs do not find them",
      fmt::format(
          "kubecoderun packages{} add py, with the names that `ls` shows in there, installs them for this one",
          set.empty() ? "" : " --set " + set),
      Verdict::weak);
}

}  // namespace

void examine_own_packages(Findings& findings, const Settings& settings) {
  const fs::path directory = packages_directory(settings), sets = package_sets_directory(settings);
  std::error_code ignored;
  const bool is_there = fs::exists(directory, ignored), has_sets = fs::exists(sets, ignored);
  const bool is_named = !settings.packages_directory.empty() || !settings.package_sets_directory.empty();
  if (!is_there && !has_sets && !is_named) return;
  std::string trouble = "cannot be looked at";
  try {
    check_packages(settings);
    trouble.clear();
  } catch (const Failure& failure) {
    trouble = failure.what();
  }
  findings.add(
      group, "their directory", trouble.empty(), !trouble.empty() ? trouble : (is_there ? directory : sets).string(),
      "programs do not find what is in it, and a server does not start", "see above; docs/packages.md says more",
      Verdict::weak);
  if (!trouble.empty()) return;
  if (is_there) examine_directory(findings, settings, directory, "");
  for (const fs::path& set : sandbox::package_sets(sets)) examine_directory(findings, settings, set, set.filename());
}

}  // namespace ci::app
