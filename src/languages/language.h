#pragma once
// The one table that knows the languages: names, files, commands. Adding a language is one entry here and, at
// most, one small file under runtimes/.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ci::languages {

// How a sandbox of the language waits for its program.
enum class Warmth {
  shell,   // an empty sandbox; the command is started when the code is there
  zygote,  // a process forked from one that has everything imported
  waiting, // an interpreter started ahead of time
};

struct Language {
  std::string_view code;                      // "py"
  std::string_view name;                      // "Python"
  std::span<const std::string_view> aliases;  // "python"
  std::string_view file;                      // "code.py", below /mnt/data
  std::string_view needs;                     // absolute path of the program whose presence means we have it
  std::span<const std::string_view> command;  // argv before the user's arguments; {file} is the source file
  Warmth warmth;
  std::string_view package;  // the Debian package that brings it, for doctor
};

std::span<const Language> all();

// By code or alias, without regard to case; null when unknown.
const Language* find(std::string_view name);

// Top-level module names that a piece of Python imports, by reading its import statements (also indented ones);
// a guess: dynamic imports are not seen. Sorted, without repeats.
std::vector<std::string> python_imports(std::string_view code);

}  // namespace ci::languages
