#pragma once
// Memory of the processes of a server and of its sandboxes, from /proc. What a process has for itself is what is given
// back when it ends; what it shares with the zygote it was forked from costs nothing more.

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci::bench {

struct Memory {
  double private_kb = 0;       // Private_Clean + Private_Dirty
  double proportional_kb = 0;  // Pss: shared pages divided by the number of those who share them
  double page_tables_kb = 0;   // VmPTE: the kernel's, for this process alone

  Memory& operator+=(const Memory& other);
};

struct Process {
  pid_t pid = 0, parent = 0;
  std::vector<pid_t> namespace_pids;  // NSpid: one for each pid namespace, ours first
  std::string name;
};

// Pure parts. `status` and `smaps` are the texts of /proc/PID/status and smaps_rollup.
Process parse_status(std::string_view status);
Memory parse_memory(std::string_view smaps, std::string_view status);
// What a guest is, by the program that it runs, its command line (/proc/PID/cmdline) and the files that it has mapped:
// "py/full", "py/stdlib", "node (wait.js)", or "shell" for one that only waits to start a program.
std::string kind_of_guest(std::string_view program, std::string_view command_line, std::string_view maps);

// A sandbox that waits: the processes of one pid namespace below the one of sandboxd.
struct WarmSandbox {
  std::string kind;
  Memory memory;
};

struct ServerMemory {
  std::vector<WarmSandbox> sandboxes;
  std::map<std::string, Memory> others;  // "HTTP server", "sandboxd", "zygotes"
};

// Everything below the process `server`. Nothing when it may not be looked at (it takes root).
std::optional<ServerMemory> memory_below(pid_t server);

}  // namespace ci::bench
