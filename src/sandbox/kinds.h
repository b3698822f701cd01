#pragma once
// The kinds of sandbox a host can make: a language each, except Python, which has one per zygote level ("py/numpy"). With a set of packages
// (own_packages.h) each is another kind: "py/numpy@name".

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "languages/language.h"
#include "sandbox/agent.h"
#include "sandbox/settings.h"

namespace ci::sandbox {

struct Kind {
  std::string name;  // "py/numpy", "bash"
  const languages::Language* language = nullptr;
  Birth birth = Birth::launched;
  size_t zygote = 0;  // adopted: which of its language's
  std::vector<std::string> command;
  CompilePlan compile;
};

// What the settings allow and the host has. Looks at the file system as it is when called.
std::vector<Kind> available_kinds(const SandboxdSettings& settings);

// A language that the settings allow and whose own program is installed, while something of ours is missing or may not be
// read by sandboxes.
struct Lack {
  std::string language;
  std::string reason;
};
std::vector<Lack> lacking_kinds(const SandboxdSettings& settings);

// Of a kind's name: that without a set of packages, and the set's, which is empty where there is none.
struct KindParts {
  std::string_view plain, set;
};
KindParts parts_of_kind(std::string_view name);
std::string with_set(std::string_view plain, std::string_view set);

// The path below /runtimes that a word of a command names, as an option's value perhaps; empty when it names none.
std::string_view runtime_of(std::string_view word);

// The command with files (not directories) of /prepared in the places of those below /runtimes, where a server has made them anew by now.
std::vector<std::string> with_prepared(std::vector<std::string> command);

// The command of a zygote that is for one guest only: with the levels up to this one's, of which each goes on from the one before. `modules`: as
// in SandboxdSettings.
std::vector<std::string> with_own_zygotes(
    const Kind& kind, std::span<const Kind> all, std::span<const std::string> modules);

// Where the program of a source file ("code.cpp") is made, where a language compiles.
std::string program_path(std::string_view source);

// "NAME=value", the same for every guest: nothing of the server's own environment gets in.
std::vector<std::string> guest_environment();

// The levels of the Python zygotes, smallest first, and what each adds to those before it.
struct PythonLevel {
  std::string_view name;
  std::span<const std::string_view> modules;  // top-level names a program may import
};
std::span<const PythonLevel> python_levels();

// The kinds that can serve a program, best first: for Python the smallest level that has all of `imports` which any
// level has, then the larger ones, then the smaller ones, in which the rest is imported during the run. `last` are the
// modules that the last level has beside its own.
std::vector<std::string> kinds_for(
    std::string_view language, std::span<const std::string> imports, std::span<const std::string> last = {});

}  // namespace ci::sandbox
