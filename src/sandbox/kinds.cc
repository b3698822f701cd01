#include "sandbox/kinds.h"

#include <unistd.h>

#include <algorithm>
#include <array>

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

}  // namespace

std::span<const PythonLevel> python_levels() { return levels; }

std::vector<std::string> kinds_for(std::string_view language, std::span<const std::string> imports) {
  if (language != "py") return {std::string(language)};
  size_t needed = 0;
  for (size_t i = 0; i < levels.size(); ++i) {
    for (const std::string_view module : levels[i].modules) {
      if (std::ranges::find(imports, module) != imports.end()) needed = i;
    }
  }
  std::vector<std::string> kinds;
  const auto add = [&](size_t level) { kinds.push_back("py/" + std::string(levels[level].name)); };
  for (size_t i = needed; i < levels.size(); ++i) add(i);
  for (size_t i = needed; i-- > 0;) add(i);
  return kinds;
}

std::vector<Kind> available_kinds(const SandboxdSettings& settings) {
  std::vector<Kind> kinds;
  for (const languages::Language& language : languages::all()) {
    const bool wanted =
        settings.languages.empty() || std::ranges::find(settings.languages, language.code) != settings.languages.end();
    if (!wanted || ::access(std::string(language.needs).c_str(), X_OK) != 0) continue;
    Kind kind;
    kind.name = language.code;
    kind.language = &language;
    for (const std::string_view word : language.command) {
      kind.command.push_back(word == "{file}" ? std::string(workspace) + "/" + std::string(language.file) : std::string(word));
    }
    switch (language.warmth) {
      case languages::Warmth::shell:
        kind.birth = Birth::launched;
        break;
      case languages::Warmth::waiting:
        kind.birth = Birth::started;
        break;
      case languages::Warmth::zygote:
        kind.birth = Birth::adopted;
        for (size_t i = 0, level = 0; i < levels.size(); ++i) {
          const auto& chosen = settings.python_levels;
          if (!chosen.empty() && std::ranges::find(chosen, levels[i].name) == chosen.end()) continue;
          kind.name = std::string(language.code) + "/" + std::string(levels[i].name);
          kind.level = level++;
          kinds.push_back(kind);
        }
        continue;
    }
    kinds.push_back(kind);
  }
  return kinds;
}

std::vector<std::string> guest_environment() {
  return {
      "PATH=/usr/local/bin:/usr/bin:/bin",
      "HOME=/tmp",
      "USER=sandbox",
      "LOGNAME=sandbox",
      "SHELL=/bin/bash",
      "TMPDIR=/tmp",
      "LANG=C.UTF-8",
      "LC_ALL=C.UTF-8",
      "TZ=UTC",
      "TERM=dumb",
      "PYTHONPATH=/mnt/data",
      "PYTHONDONTWRITEBYTECODE=1",
      "MPLCONFIGDIR=/tmp/matplotlib",
      "MPLBACKEND=Agg",
      // One thread each: forked processes cannot take a thread pool along, and a sandbox is one run among many.
      "OPENBLAS_NUM_THREADS=1",
      "OMP_NUM_THREADS=1",
      "MKL_NUM_THREADS=1",
      "NODE_PATH=/usr/share/nodejs:/usr/lib/node_modules",
  };
}

}  // namespace ci::sandbox
