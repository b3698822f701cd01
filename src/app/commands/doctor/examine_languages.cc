#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "app/commands/doctor/examine.h"
#include "app/server/compose.h"
#include "app/server/preparations.h"
#include "languages/language.h"
#include "sandbox/kinds.h"

namespace ci::app {

namespace {

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
    const bool installed = ::access(std::string(language.needs).c_str(), X_OK) == 0;
    const Trouble trouble = trouble_of(language, files);
    const bool present = installed && trouble.what.empty();
    any = any || present;
    std::string detail(language.needs);
    if (!installed)
      detail += " is not there";
    else if (!present)
      detail += ", but " + trouble.what;
    findings.add(
        "Languages", fmt::format("{} ({})", language.name, language.code), present, detail,
        fmt::format("{} is not offered", language.name),
        installed ? trouble.remedy : fmt::format("apt-get install {}, and build again", language.package),
        Verdict::weak);
  }
  if (!any)
    findings.add("Languages", "any language", false, "none", "there is nothing to run", "install one of the above");
}

// Without these programs mean the same, and wait longer.
void examine_compilers(Findings& findings) {
  struct Helper {
    const char* language;
    const char* name;
    std::filesystem::path file;
    const char* loss;
    const char* remedy;
  };
  const Helper helpers[] = {
      {"c", "gold", "/usr/bin/ld.gold", "C, C++ and Fortran are linked more slowly", "apt-get install binutils-gold"},
      {"rs", "mold", "/usr/bin/mold", "Rust and D are linked more slowly", "apt-get install mold"},
  };
  for (const Helper& helper : helpers) {
    const languages::Language* language = languages::find(helper.language);
    if (language == nullptr || ::access(std::string(language->needs).c_str(), X_OK) != 0) continue;
    const bool present = ::access(helper.file.c_str(), F_OK) == 0;
    findings.add(
        "Quick compiling", helper.name, present, helper.file.string() + (present ? "" : " is not there"), helper.loss,
        helper.remedy, Verdict::weak);
  }
}

void examine_prepared(Findings& findings, const Files& files) {
  for (const Preparation& preparation : preparations()) {
    const languages::Language* language = languages::find(preparation.language);
    if (::access(std::string(language->needs).c_str(), X_OK) != 0) continue;
    const Prepared state = look_at(preparation, files.runtimes, files.prepared);
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

void examine_python_packages(Findings& findings) {
  if (::access("/usr/bin/python3", X_OK) != 0) return;
  struct Package {
    const char* module;
    const char* debian;
  };
  constexpr Package packages[] = {
      {"numpy", "python3-numpy"},     {"pandas", "python3-pandas"},   {"matplotlib", "python3-matplotlib"},
      {"scipy", "python3-scipy"},     {"sklearn", "python3-sklearn"}, {"statsmodels", "python3-statsmodels"},
      {"seaborn", "python3-seaborn"}, {"PIL", "python3-pil"},         {"openpyxl", "python3-openpyxl"},
  };
  std::string script = "import importlib.util as u\nfor m in '";
  for (const Package& package : packages) script += std::string(package.module) + " ";
  script += "'.split(): print(m if u.find_spec(m) else '-', flush=True)\n";
  // Our own fixed text; -I keeps the working directory and the environment out.
  FILE* pipe = ::popen(("/usr/bin/python3 -I -c \"" + script + "\" 2>/dev/null").c_str(), "re");
  if (pipe == nullptr) return;
  char line[64];
  for (const Package& package : packages) {
    if (std::fgets(line, sizeof line, pipe) == nullptr) break;
    const bool present = line[0] != '-';
    findings.add(
        "Python packages", package.module, present, present ? "installed" : "not installed",
        fmt::format("programs cannot import {}", package.module), fmt::format("apt-get install {}", package.debian),
        Verdict::weak);
  }
  ::pclose(pipe);
}

}  // namespace

void examine_languages(Findings& findings, const Files& files) {
  examine_runtimes(findings, files);
  examine_compilers(findings);
  examine_prepared(findings, files);
  examine_python_packages(findings);
}

}  // namespace ci::app
