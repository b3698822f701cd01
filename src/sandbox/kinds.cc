#include "sandbox/kinds.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace ci::sandbox {

namespace {

constexpr std::array<std::string_view, 1> numpy_level = {"numpy"};
constexpr std::array<std::string_view, 1> pandas_level = {"pandas"};
constexpr std::array<std::string_view, 2> plot_level = {"matplotlib", "PIL"};
constexpr std::array<std::string_view, 4> full_level = {"scipy", "sklearn", "statsmodels", "seaborn"};
constexpr std::array<PythonLevel, 5> levels = {{
    {"stdlib", {}},
    {"numpy", numpy_level},
    {"pandas", pandas_level},
    {"plot", plot_level},
    {"full", full_level},
}};

// With the places of this run's source and program in them.
std::vector<std::string> filled_in(
    const languages::Language& language, const languages::Words& words, std::string_view file) {
  const std::string program = program_path(language.file);
  std::vector<std::string> filled;
  for (const std::string_view view : words) {
    std::string word(view);
    for (const auto& [name, value] :
         {std::pair<std::string_view, std::string_view>{"{file}", file}, {"{program}", program}}) {
      for (size_t at; (at = word.find(name)) != word.npos;) word.replace(at, name.size(), value);
    }
    filled.push_back(std::move(word));
  }
  return filled;
}

// For runtimes that must be told how much memory they may fill with objects. They need about 150 MB beside, where there is that much.
std::string heap_megabytes(std::uint64_t memory) {
  const std::uint64_t megabytes = memory >> 20;
  return std::to_string(std::max(megabytes / 2, megabytes - std::min<std::uint64_t>(megabytes, 160)));
}

// What a build makes only where it finds the language's tools (runtimes/CMakeLists.txt) may be missing, and what was built
// with a strict umask is not for other users. Empty when all is there.
std::string unreadable_runtime(const languages::Language& language) {
  for (const std::string_view word : language.command) {
    const std::string path(runtime_of(word));
    if (path.empty() || path.ends_with(".jsa") || ::access(path.c_str(), R_OK) == 0) continue;
    return path;
  }
  return "";
}

bool is_wanted(const languages::Language& language, const SandboxdSettings& settings) {
  const bool wanted =
      settings.languages.empty() || std::ranges::find(settings.languages, language.code) != settings.languages.end();
  return wanted && ::access(std::string(language.needs).c_str(), X_OK) == 0;
}

CompilePlan compile_plan(const languages::Language& language) {
  CompilePlan plan;
  if (language.compile.command.empty()) return plan;
  plan.program = program_path(language.file);
  plan.command = filled_in(language, language.compile.command, language.file);
  if (!language.compile.quick.empty()) plan.quick.emplace_back();
  for (std::string& word : filled_in(language, language.compile.quick, language.file)) {
    if (word == "&&")
      plan.quick.emplace_back();
    else
      plan.quick.back().push_back(std::move(word));
  }
  plan.quick_alone = language.compile.quick_alone;
  plan.environment = filled_in(language, language.compile.environment, language.file);
  return plan;
}

}  // namespace

std::string program_path(std::string_view source) {
  return std::string(build_directory) + "/" + std::string(source.substr(0, source.find('.')));
}

std::span<const PythonLevel> python_levels() { return levels; }

std::vector<std::string> kinds_for(
    std::string_view language, std::span<const std::string> imports, std::span<const std::string> last) {
  const languages::Language* known = languages::find(language);
  if (known == nullptr || !known->reads_imports) return {std::string(language)};
  size_t needed = 0;
  for (size_t i = 0; i < levels.size(); ++i) {
    for (const std::string_view module : levels[i].modules) {
      if (std::ranges::find(imports, module) != imports.end()) needed = i;
    }
  }
  for (const std::string& module : last) {
    const std::string top = module.substr(0, module.find('.'));
    if (std::ranges::find(imports, top) != imports.end()) needed = levels.size() - 1;
  }
  std::vector<std::string> kinds;
  const auto add = [&](size_t level) {
    kinds.push_back(std::string(known->code) + "/" + std::string(levels[level].name));
  };
  for (size_t i = needed; i < levels.size(); ++i) add(i);
  for (size_t i = needed; i-- > 0;) add(i);
  return kinds;
}

std::vector<Kind> available_kinds(const SandboxdSettings& settings) {
  std::vector<Kind> kinds;
  for (const languages::Language& language : languages::all()) {
    if (!is_wanted(language, settings) || !unreadable_runtime(language).empty()) continue;
    Kind kind;
    kind.name = language.code;
    kind.language = &language;
    kind.command = filled_in(language, language.command, std::string(workspace) + "/" + std::string(language.file));
    std::ranges::replace(kind.command, "{heap}", heap_megabytes(settings.memory_bytes));
    std::ranges::replace(kind.command, "{memory}", std::to_string(settings.memory_bytes >> 20));
    std::ranges::replace(kind.command, "{plots}", settings.keep_plots ? "keep-plots" : "no-plots");
    kind.compile = compile_plan(language);
    switch (language.warmth) {
      case languages::Warmth::shell:
        kind.birth = Birth::launched;
        break;
      case languages::Warmth::waiting:
        kind.birth = Birth::started;
        break;
      case languages::Warmth::zygote:
        kind.birth = Birth::adopted;
        if (!language.reads_imports) break;
        for (size_t i = 0, zygote = 0; i < levels.size(); ++i) {
          const auto& chosen = settings.python_levels;
          if (!chosen.empty() && std::ranges::find(chosen, levels[i].name) == chosen.end()) continue;
          kind.name = std::string(language.code) + "/" + std::string(levels[i].name);
          kind.zygote = zygote++;
          kinds.push_back(kind);
        }
        continue;
    }
    kinds.push_back(kind);
  }
  return kinds;
}

KindParts parts_of_kind(std::string_view name) {
  const size_t at = name.find('@');
  return {name.substr(0, at), at == name.npos ? std::string_view() : name.substr(at + 1)};
}

std::string with_set(std::string_view plain, std::string_view set) {
  return set.empty() ? std::string(plain) : std::string(plain) + "@" + std::string(set);
}

std::string_view runtime_of(std::string_view word) {
  const size_t begin = word.find("/runtimes/");
  if (begin == word.npos || (begin > 0 && word[begin - 1] != '=')) return {};
  return word.substr(begin);
}

std::vector<std::string> with_prepared(std::vector<std::string> command) {
  constexpr std::string_view built = "/runtimes";
  for (std::string& word : command) {
    const std::string_view path = runtime_of(word);
    if (path.empty()) continue;
    const std::string anew = "/prepared" + std::string(path.substr(built.size()));
    struct stat info{};
    if (::stat(anew.c_str(), &info) == 0 && S_ISREG(info.st_mode))
      word.replace(word.size() - path.size(), path.size(), anew);
  }
  return command;
}

std::vector<std::string> with_own_zygotes(
    const Kind& kind, std::span<const Kind> all, std::span<const std::string> modules) {
  std::vector<std::string> command = kind.command;
  for (const Kind& other : all) {
    const size_t level = other.name.find('/');
    if (other.language != kind.language || level == other.name.npos || other.zygote > kind.zygote) continue;
    command.push_back(other.name.substr(level + 1));
  }
  const bool last = std::ranges::none_of(
      all, [&](const Kind& other) { return other.language == kind.language && other.zygote > kind.zygote; });
  for (const std::string& module : modules) {
    if (last && kind.language->reads_imports) command.back() += "+" + module;
  }
  return command;
}

std::vector<Lack> lacking_kinds(const SandboxdSettings& settings) {
  std::vector<Lack> lacks;
  for (const languages::Language& language : languages::all()) {
    if (!is_wanted(language, settings)) continue;
    const std::string path = unreadable_runtime(language);
    if (path.empty()) continue;
    const std::string file = (settings.runtimes / path.substr(sizeof "/runtimes/" - 1)).string();
    const bool there = ::access(path.c_str(), F_OK) == 0;
    lacks.push_back({language.code.data(), file + (there ? " may not be read by sandboxes" : " is not there")});
  }
  return lacks;
}

std::vector<std::string> guest_environment() {
  // Programs ask for it by its name, and do something else where it is not there.
  const bool has_office = ::access("/usr/bin/soffice", X_OK) == 0;
  return {
      std::string("PATH=") + (has_office ? "/runtimes/office:" : "") + "/runtimes/bin:/usr/local/bin:/usr/bin:/bin",
      "HOME=/tmp",
      "USER=sandbox",
      "LOGNAME=sandbox",
      "SHELL=/bin/bash",
      "TMPDIR=/tmp",
      "LANG=C.UTF-8",
      "LC_ALL=C.UTF-8",
      "TZ=UTC",
      "TERM=dumb",
      "LIBRECHAT_CODE_DATA_DIR=/mnt/data",
      "PYTHONPATH=/mnt/data",
      "PYTHONDONTWRITEBYTECODE=1",
      "MPLCONFIGDIR=/tmp/matplotlib",
      "MPLBACKEND=Agg",
      // There is no network: what is installed already counts as success, and who wants something else is to hear of it, not to try
      // again until the time is up.
      "PIP_BREAK_SYSTEM_PACKAGES=1",
      "PIP_DISABLE_PIP_VERSION_CHECK=1",
      "PIP_RETRIES=1",
      "npm_config_fetch_retries=0",
      // One thread each: forked processes cannot take a thread pool along, and a sandbox is one run among many.
      "OPENBLAS_NUM_THREADS=1",
      "OMP_NUM_THREADS=1",
      "MKL_NUM_THREADS=1",
      "NODE_PATH=/usr/share/nodejs:/usr/lib/node_modules",
  };
}

}  // namespace ci::sandbox
