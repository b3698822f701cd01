#include "os/machine.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace ci::os {

namespace fs = std::filesystem;

namespace {

// The only number in the file. Version 2 says "max" where there is no limit.
std::uint64_t number_in(const fs::path& path) {
  std::uint64_t value = 0;
  std::ifstream file(path);
  return file >> value ? value : std::numeric_limits<std::uint64_t>::max();
}

// Of the group that we are in and of all above it, as far as they can be seen.
std::uint64_t smallest_limit(const fs::path& top, fs::path group, const char* name) {
  std::uint64_t smallest = number_in(top / name);
  for (; group.has_relative_path(); group = group.parent_path()) {
    smallest = std::min(smallest, number_in(top / group.relative_path() / name));
  }
  return smallest;
}

}  // namespace

std::uint64_t usable_memory(const fs::path& cgroups) {
  struct sysinfo info{};
  ::sysinfo(&info);
  std::uint64_t usable = static_cast<std::uint64_t>(info.totalram) * info.mem_unit;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const fs::path group = line.substr(second + 1);
    if (controllers == ",,") usable = std::min(usable, smallest_limit(cgroups, group, "memory.max"));
    if (controllers.find(",memory,") != controllers.npos) {
      usable = std::min(usable, smallest_limit(cgroups / "memory", group, "memory.limit_in_bytes"));
    }
  }
  return usable;
}

std::uint64_t most_processes() {
  return std::min(number_in("/proc/sys/kernel/pid_max"), number_in("/proc/sys/kernel/threads-max"));
}

}  // namespace ci::os
