#pragma once
// What sandboxd is told at start, and what every sandbox of this host is allowed. Values only.

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace ci::sandbox {

struct SandboxdSettings {
  std::uint64_t memory_bytes = 512ull << 20;  // of the guest's processes and what they write to memory file systems
  std::uint64_t compiler_memory_bytes = 1ull << 30;  // while a program is compiled, where that is more
  std::uint64_t processes = 512;
  std::uint64_t open_files = 1024;
  std::uint64_t workspace_bytes = 256ull << 20;  // /mnt/data
  std::uint64_t tmp_bytes = 256ull << 20;        // /tmp; /dev/shm has a quarter of it
  std::uint64_t workspace_files = 20000;         // files and directories in each of them
  std::string hostname = "sandbox";
  // Codes of the languages to offer; empty: every one whose program is installed.
  std::vector<std::string> languages;
  // Losses that the operator accepts by name: "cgroup"; "namespaces", which makes sandboxes `contained` (isolation.h).
  std::set<std::string> allow_weak;
  bool is_contained() const { return allow_weak.contains("namespaces"); }
  // Our files for inside: runtimes/python, runtimes/node …
  std::filesystem::path runtimes;
  // A tree whose /usr and the like programs see in the place of the host's, looked at already (other_root.h). Empty: the host's.
  std::filesystem::path root;
  // Has two directories: "made", what a server has made anew of what is there for compilers and interpreters, and "none",
  // where nothing is. Empty: no such thing.
  std::filesystem::path prepared;
  // What the operator installed for programs (own_packages.h), looked at already. Empty: no such thing.
  std::filesystem::path packages;
  // Directories of the same kind, each of a set that is called like it, looked at already.
  std::vector<std::string> package_sets;
  std::filesystem::path cgroup_mount = "/sys/fs/cgroup";
  // Which levels of Python zygotes to keep (sandbox/kinds.h); empty: all.
  std::vector<std::string> python_levels;
  std::vector<std::string> python_modules;  // that the last level imports beside its own
  bool keep_plots = true;                   // figures that a Python program shows become files
};

}  // namespace ci::sandbox
