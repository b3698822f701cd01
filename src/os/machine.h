#pragma once
// How much of the machine there is for us, as this process sees it: a container's share where it is in one.

#include <cstdint>
#include <filesystem>

namespace ci::os {

// Bytes of memory: the machine's, or what our own control group may use when that is less. `cgroups`: where they are mounted.
std::uint64_t usable_memory(const std::filesystem::path& cgroups = "/sys/fs/cgroup");

// Processes and threads that the kernel can number.
std::uint64_t most_processes();

}  // namespace ci::os
