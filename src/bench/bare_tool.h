#pragma once
// What the same machine needs without us: the interpreter or compiler of a language, run as a user would run it. The
// yardstick for everything else. Blocking.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "bench/cases.h"

namespace ci::bench {

class BareTool {
 public:
  // For the language of `which`; nothing when its tools are not installed where Debian puts them.
  static std::unique_ptr<BareTool> find(const Case& which);
  ~BareTool();
  BareTool(const BareTool&) = delete;
  BareTool& operator=(const BareTool&) = delete;

  // "g++ code.cpp -o program && ./program"
  const std::string& command() const { return command_; }

  // Milliseconds of one run with a new number in the program: from the start of the first process until the output of
  // the last has been read and it is reaped. Writing the file is not counted. Fails when the output is not right.
  double run();

 private:
  struct Recipe;
  BareTool(const Case& which, const Recipe& recipe);
  static const Recipe* recipe_for(std::string_view language);

  const Case& case_;
  const Recipe& recipe_;
  std::string command_;
  std::filesystem::path directory_;
};

}  // namespace ci::bench
