#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string_view>

#include "app/commands/doctor/examine.h"
#include "app/server/compose.h"
#include "app/server/preparations.h"
#include "languages/language.h"
#include "libraries/libraries.h"
#include "sandbox/kinds.h"

namespace ci::app {

namespace {

// How programs' files are spoken of: as this host calls them.
std::string name_in(const os::SystemRoot& system, const std::filesystem::path& name) {
  return system.is_host() ? name.string() : system.directory().string() + name.string();
}

std::string installing(const os::SystemRoot& system, std::string_view package) {
  if (system.is_host()) return fmt::format("apt-get install {}", package);
  return fmt::format("chroot {} apt-get install {}", system.directory().string(), package);
}

// From the directory of runtimes down: what is above it does not matter, since the tree is taken as a whole.
bool others_may_read(const Files& files, std::filesystem::path path) {
  if (!files.own_ids) return true;
  for (;; path = path.parent_path()) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return false;
    if ((info.st_mode & (S_ISDIR(info.st_mode) ? S_IXOTH : S_IROTH)) == 0) return false;
    if (path == files.runtimes || path == path.root_path()) return true;
  }
}

// Why something of ours that a language's command needs cannot be used; empty when all is well.
struct Trouble {
  std::string what, remedy;
};

Trouble trouble_of(const languages::Language& language, const Files& files) {
  for (const std::string_view word : language.command) {
    const std::string_view inside = sandbox::runtime_of(word);
    if (inside.empty() || inside.ends_with(".jsa")) continue;
    const auto part = files.runtimes / inside.substr(std::string_view("/runtimes/").size());
    struct stat info{};
    if (::stat(part.c_str(), &info) != 0) {
      return {part.string() + " is not there", "build again: that part is made where the language is installed"};
    }
    if (!others_may_read(files, part)) {
      return {part.string() + " is closed to the users of sandboxes", "chmod -R go+rX " + files.runtimes.string()};
    }
  }
  return {};
}

void examine_runtimes(Findings& findings, const Files& files) {
  if (!files.runtimes.empty()) {
    const bool runs = !forbids_programs(files.runtimes);
    findings.add(
        "Languages", "our files for the inside of sandboxes", runs,
        files.runtimes.string() + (runs ? "" : " is on a file system that is mounted noexec"),
        "Python, PHP, R and Java are not offered: parts of ours cannot be loaded from there",
        "copy it elsewhere and name that place in RUNTIMES_DIR, or mount -o remount,exec the file system");
  }
  bool any = false;
  for (const languages::Language& language : languages::all()) {
    const bool installed = files.system.has_program(language.needs);
    const Trouble trouble = trouble_of(language, files);
    const bool present = installed && trouble.what.empty();
    any = any || present;
    std::string detail = name_in(files.system, language.needs);
    if (!installed)
      detail += " is not there";
    else if (!present)
      detail += ", but " + trouble.what;
    findings.add(
        "Languages", fmt::format("{} ({})", language.name, language.code), present, detail,
        fmt::format("{} is not offered", language.name),
        installed ? trouble.remedy : installing(files.system, language.package) + ", and build again", Verdict::weak);
  }
  if (!any)
    findings.add("Languages", "any language", false, "none", "there is nothing to run", "install one of the above");
}

// Without these programs mean the same, and wait longer.
void examine_compilers(Findings& findings, const Files& files) {
  struct Helper {
    const char* language;
    const char* name;
    std::filesystem::path file;
    const char* loss;
    const char* package;
  };
  const Helper helpers[] = {
      {"c", "gold", "/usr/bin/ld.gold", "C, C++ and Fortran are linked more slowly", "binutils-gold"},
      {"rs", "mold", "/usr/bin/mold", "Rust and D are linked more slowly", "mold"},
  };
  for (const Helper& helper : helpers) {
    const languages::Language* language = languages::find(helper.language);
    if (language == nullptr || !files.system.has_program(language->needs)) continue;
    const bool present = !files.system.find(helper.file).empty();
    findings.add(
        "Quick compiling", helper.name, present, name_in(files.system, helper.file) + (present ? "" : " is not there"),
        helper.loss, installing(files.system, helper.package), Verdict::weak);
  }
}

void examine_prepared(Findings& findings, const Files& files) {
  for (const Preparation& preparation : preparations()) {
    const languages::Language* language = languages::find(preparation.language);
    if (!files.system.has_program(language->needs)) continue;
    const Prepared state = look_at(preparation, {files.runtimes, files.prepared, files.system});
    std::string detail;
    switch (state) {
      case Prepared::as_built:
        detail = "as built, and nothing that it was made of has changed since";
        break;
      case Prepared::anew:
        detail = "made anew by the server, in " + (files.prepared / preparation.folder).string();
        break;
      case Prepared::stale:
        detail = "files of the system that it was made of have changed since";
        break;
      case Prepared::absent:
        detail = "never made";
        break;
    }
    findings.add(
        "Quick compiling", std::string(preparation.what), state == Prepared::as_built || state == Prepared::anew,
        detail, std::string(preparation.loss),
        "a server makes it within two minutes of its start, or says in its log why it cannot", Verdict::weak);
  }
}

void examine_python_packages(Findings& findings, const os::SystemRoot& system) {
  if (!system.has_program("/usr/bin/python3")) return;
  struct Package {
    const char* module;
    const char* debian;
  };
  constexpr Package packages[] = {
      {"numpy", "python3-numpy"},     {"pandas", "python3-pandas"},   {"matplotlib", "python3-matplotlib"},
      {"scipy", "python3-scipy"},     {"sklearn", "python3-sklearn"}, {"statsmodels", "python3-statsmodels"},
      {"seaborn", "python3-seaborn"}, {"PIL", "python3-pil"},         {"openpyxl", "python3-openpyxl"},
  };
  std::set<std::string> modules;
  for (const libraries::Library& library : libraries::find_libraries(system)) {
    if (library.language != "py") continue;
    modules.insert(library.name);
    modules.insert(library.imports.begin(), library.imports.end());
  }
  for (const Package& package : packages) {
    const bool present = modules.contains(package.module);
    findings.add(
        "Python packages", package.module, present, present ? "installed" : "not installed",
        fmt::format("programs cannot import {}", package.module), installing(system, package.debian), Verdict::weak);
  }
}

}  // namespace

void examine_languages(Findings& findings, const Files& files) {
  examine_runtimes(findings, files);
  examine_compilers(findings, files);
  examine_prepared(findings, files);
  examine_python_packages(findings, files.system);
}

}  // namespace ci::app
