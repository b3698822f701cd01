#pragma once
// What an operator decides about runs.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "execution/compile_cache.h"
#include "execution/terminal_text.h"
#include "os/system_root.h"

namespace ci::execution {

struct ExecutionSettings {
  std::chrono::seconds acquire_timeout{10};
  std::chrono::seconds turn_timeout{60};  // for earlier runs of a session to end
  std::chrono::seconds longest_run{30};   // the longest time limit that a request may ask for; compilers' go by it
  // A sandbox that has not told the end of its program so long after the program's time, and the compiler's, is given
  // up. Ten seconds of it may go into writing a state.
  std::chrono::milliseconds overtime{20000};
  std::chrono::milliseconds collect_timeout{60000};  // for all files to be there, after the end
  TextLimits output;                                 // per stream, then cut
  bool keep_terminal_codes = false;                  // escape sequences and rewritten lines are left in the output
  bool keep_long_output = true;                      // as a file of the session, when it is no larger than such may be
  std::filesystem::path spool_directory;  // where output is kept meanwhile; empty: only as much as memory may hold
  std::uint64_t file_bytes = 10 << 20;    // larger outputs are dropped
  int output_files = 10;
  int session_files = 50;             // mounted when a request only continues a session
  std::uint64_t workspace_bytes = 0;  // of /mnt/data; inputs may fill three quarters of it. 0: unknown
  int concurrent = 0;                 // runs at once; 0: no limit
  bool strict_ownership = false;
  bool named_sessions = true;  // a session_name counts
  CompileCacheSettings compile_cache;
  std::filesystem::path own_packages;  // of the operator, for programs; need not be there
  std::filesystem::path package_sets;  // has one like it for each set; the same
  os::SystemRoot system;               // that programs see
  std::vector<std::string> dropped_suffixes = {".exe", ".bat", ".cmd", ".ps1", ".scr", ".com"};  // of outputs
};

}  // namespace ci::execution
