#pragma once
// `kubecoderun run`: one program from the terminal, in a sandbox of its own, without a server.

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "app/settings/settings.h"

namespace ci::app {

struct RunRequest {
  std::string language;  // empty: by the file's extension
  std::string file;      // empty or "-": the code comes on stdin
  std::vector<std::string> arguments;
  std::vector<std::filesystem::path> inputs;              // placed in /mnt/data under their base names
  std::optional<std::filesystem::path> output_directory;  // files the program leaves are copied there, else listed
  std::optional<std::chrono::seconds> time_limit;
  std::string packages;  // a set of these; empty: none
};

// Output goes to ours as it comes. Returns the program's exit code; 128 + signal; 124 when time ran out; 137 when
// memory did. A language that is unknown or cannot run here, or an unreadable file, fails.
int run_command(const LoadedSettings& settings, const RunRequest& request);

}  // namespace ci::app
