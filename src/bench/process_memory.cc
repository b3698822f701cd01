#include "bench/process_memory.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "base/unique_fd.h"
#include "bench/machine.h"

namespace ci::bench {

namespace fs = std::filesystem;

namespace {

// Of the libraries that the zygotes of Python import, the largest first; each comes with those after it.
struct Library {
  std::string_view path;
  std::string_view kind;
};
constexpr std::array<Library, 4> libraries = {{
    {"/sklearn/", "py/full"},
    {"/matplotlib/", "py/plot"},
    {"/pandas/", "py/pandas"},
    {"/numpy/", "py/numpy"},
}};

std::string read_if_there(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Opening tells, not the file's mode: proc(5), "ptrace access mode".
bool is_forbidden(const fs::path& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return file.get() < 0 && errno == EACCES;
}

double kilobytes(std::string_view text, std::string_view key) {
  return std::strtod(value_of_key(text, key, ':').c_str(), nullptr);
}

// " (wait.js)" when the arguments name a script of ours: one interpreter may serve two languages.
std::string script_of(std::string_view command_line) {
  const size_t ours = command_line.find("/runtimes/");
  if (ours == command_line.npos) return "";
  std::string_view path = command_line.substr(ours);
  path = path.substr(0, path.find('\0'));
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.find('.') == name.npos ? "" : " (" + std::string(name) + ")";
}

std::string program_of(pid_t pid) {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/" + std::to_string(pid) + "/exe", error);
  return path.filename().string();
}

// A process that is of no sandbox: what it is for. `top` is the server's first.
std::string part_of_server(const Process& process, const Process& top) {
  if (process.name == "kubecoderun-srv") return "HTTP server";
  const bool below = process.namespace_pids.size() > top.namespace_pids.size();
  if (!below || process.name == "sandboxd") return "supervisor and sandboxd";
  if (process.name.starts_with("python")) return "zygotes of Python";
  return "zygote of " + process.name;
}

std::map<pid_t, Process> processes_below(pid_t top) {
  std::map<pid_t, Process> all, found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    if (std::from_chars(name.data(), name.data() + name.size(), pid).ec != std::errc{}) continue;
    if (const std::string status = read_if_there(entry.path() / "status"); !status.empty())
      all[pid] = parse_status(status);
  }
  std::vector<pid_t> left = {top};
  while (!left.empty()) {
    const pid_t parent = left.back();
    left.pop_back();
    if (const auto process = all.find(parent); process != all.end()) found.insert(*process);
    for (const auto& [pid, process] : all) {
      if (process.parent == parent && !found.contains(pid)) left.push_back(pid);
    }
  }
  return found;
}

}  // namespace

Memory& Memory::operator+=(const Memory& other) {
  private_kb += other.private_kb;
  proportional_kb += other.proportional_kb;
  page_tables_kb += other.page_tables_kb;
  return *this;
}

Process parse_status(std::string_view status) {
  Process process;
  process.name = value_of_key(status, "Name", ':');
  process.pid = static_cast<pid_t>(std::strtol(value_of_key(status, "Pid", ':').c_str(), nullptr, 10));
  process.parent = static_cast<pid_t>(std::strtol(value_of_key(status, "PPid", ':').c_str(), nullptr, 10));
  std::istringstream numbers(value_of_key(status, "NSpid", ':'));
  for (pid_t pid = 0; numbers >> pid;) process.namespace_pids.push_back(pid);
  return process;
}

Memory parse_memory(std::string_view smaps, std::string_view status) {
  Memory memory;
  memory.private_kb = kilobytes(smaps, "Private_Clean") + kilobytes(smaps, "Private_Dirty");
  memory.proportional_kb = kilobytes(smaps, "Pss");
  memory.page_tables_kb = kilobytes(status, "VmPTE");
  return memory;
}

std::string kind_of_guest(std::string_view program, std::string_view command_line, std::string_view maps) {
  // What sandboxd is started from has no file.
  if (program.starts_with("kubecoderun") || program.starts_with("memfd:sandboxd") || program.empty()) return "shell";
  if (!program.starts_with("python")) return std::string(program) + script_of(command_line);
  for (const Library& library : libraries) {
    if (maps.find(library.path) != maps.npos) return std::string(library.kind);
  }
  return "py/stdlib";
}

std::optional<ServerMemory> memory_below(pid_t server) {
  const std::map<pid_t, Process> processes = processes_below(server);
  const auto top = processes.find(server);
  if (top == processes.end()) return std::nullopt;
  // sandboxd lives in a pid namespace below ours, each sandbox in one below that: see docs/architecture.md.
  const size_t depth = top->second.namespace_pids.size() + 2;

  ServerMemory result;
  std::map<pid_t, WarmSandbox> sandboxes;  // by the pid of its process 1
  for (const auto& [pid, process] : processes) {
    const fs::path directory = "/proc/" + std::to_string(pid);
    const std::string smaps = read_if_there(directory / "smaps_rollup");
    if (smaps.empty() && is_forbidden(directory / "smaps_rollup")) return std::nullopt;
    if (smaps.empty()) continue;  // it is ending or has ended
    const Memory memory = parse_memory(smaps, read_if_there(directory / "status"));
    if (process.namespace_pids.size() < depth) {
      result.others[part_of_server(process, top->second)] += memory;
      continue;
    }
    pid_t first = pid;
    while (processes.at(first).namespace_pids.back() != 1 && processes.contains(processes.at(first).parent)) {
      first = processes.at(first).parent;
    }
    WarmSandbox& sandbox = sandboxes[first];
    sandbox.memory += memory;
    const std::string kind =
        kind_of_guest(program_of(pid), read_if_there(directory / "cmdline"), read_if_there(directory / "maps"));
    if (sandbox.kind.empty() || sandbox.kind == "shell") sandbox.kind = kind;
  }
  for (auto& [pid, sandbox] : sandboxes) result.sandboxes.push_back(std::move(sandbox));
  return result;
}

}  // namespace ci::bench
