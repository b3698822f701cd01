#pragma once
// From source to program. The guest's process does this before it becomes the program, so the compiler stands where the
// program will: the same user, limits and files.

#include <string>
#include <vector>

namespace ci::sandbox {

// A memory file system of the sandbox beside the workspace: what is made here is not among the user's files.
inline constexpr const char* build_directory = "/build";

struct CompilePlan {
  std::string program;                          // what is to be made; empty: nothing to compile
  std::vector<std::string> command;             // argv of the plain compiler
  std::vector<std::vector<std::string>> quick;  // tried first, in order; may be none
  bool quick_alone = false;                     // only where the source is the only file
  std::vector<std::string> environment;         // "NAME=value", beside the guest's

  bool empty() const { return program.empty(); }
};

enum class Compiled { silently, with_messages };

// Returns when the program is there. Otherwise ends the process with the compiler's status, its messages on stderr.
// The working directory is the workspace, `source` the name of the program's text in it.
// `with_messages` also where nobody knows: what the plain compiler says goes straight to stderr.
Compiled compile_program(
    const CompilePlan& plan, const std::string& source, const std::vector<std::string>& environment);

}  // namespace ci::sandbox
