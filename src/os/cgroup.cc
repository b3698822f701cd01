#include "os/cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ranges>
#include <string_view>

#include "base/log.h"
#include "base/sys.h"
#include "os/cgroup_files.h"

namespace ci::os {

namespace {

bool write_state(int file, std::string_view state) {
  return ::pwrite(file, state.data(), state.size(), 0) == static_cast<ssize_t>(state.size());
}

std::vector<int> numbers_of(const std::vector<UniqueFd>& descriptors) {
  std::vector<int> numbers;
  for (const UniqueFd& fd : descriptors) numbers.push_back(fd.get());
  return numbers;
}

}  // namespace

bool Freezer::freeze() const { return write_state(file, version == 1 ? "FROZEN" : "1"); }

bool Freezer::thaw() const { return write_state(file, version == 1 ? "THAWED" : "0"); }

std::optional<std::uint64_t> read_number(int fd) {
  char text[64];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  std::uint64_t value = 0;
  if (size <= 0 || std::from_chars(text, text + size, value).ec != std::errc()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> read_counter(int fd, std::string_view key) {
  char text[4096];
  const ssize_t size = ::pread(fd, text, sizeof text, 0);
  if (size <= 0) return std::nullopt;
  std::string_view rest(text, static_cast<size_t>(size));
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    std::uint64_t value = 0;
    const char* begin = line.data() + key.size() + 1;
    if (std::from_chars(begin, line.data() + line.size(), value).ec == std::errc()) return value;
  }
  return std::nullopt;
}

void set_limits(int directory, std::string_view controller, const CgroupLimits& limits) {
  const bool v2 = controller.empty();
  const std::string memory = std::to_string(limits.memory_bytes);
  if (v2) {
    write_file(directory, "memory.max", memory);
    try_write_file(directory, "memory.swap.max", "0");
    write_file(directory, "memory.oom.group", "1");
    try_write_file(directory, "cpu.weight", std::to_string(limits.cpu_weight));
  }
  if (controller == "memory") {
    write_file(directory, "memory.limit_in_bytes", memory);
    try_write_file(directory, "memory.memsw.limit_in_bytes", memory);
    // What waits in TCP and UDP sockets is not counted as memory here, but beside it.
    try_write_file(directory, "memory.kmem.tcp.limit_in_bytes", std::to_string(limits.memory_bytes / 8));
  }
  if (controller == "cpu") write_file(directory, "cpu.shares", std::to_string(limits.cpu_weight * 1024 / 100));
  if (v2 || controller == "pids") write_file(directory, "pids.max", std::to_string(limits.processes));
}

std::vector<int> Cgroup::join_descriptors() const { return numbers_of(join_); }

std::vector<int> Cgroup::memory_limits() const { return numbers_of(memory_limits_); }

bool Cgroup::renew(std::uint64_t memory_bytes) {
  for (const UniqueFd& processes : join_) {
    char pid;
    if (::pread(processes.get(), &pid, 1, 0) != 0) return false;
  }
  if (freezer_) freezer().thaw();
  // Of two the second is never less: that decides which is written first.
  memory_of_others_ = read_counter(memory_statistics_.get(), "shmem").value_or(0);
  const std::string bytes = std::to_string(memory_bytes + memory_of_others_);
  const auto set = [&](const UniqueFd& limit) { return ::pwrite(limit.get(), bytes.data(), bytes.size(), 0) > 0; };
  const bool lowered = std::ranges::all_of(memory_limits_, set);
  if (!lowered && !std::ranges::all_of(memory_limits_ | std::views::reverse, set)) return false;
  // Where the peak cannot be reset, what is used now takes its place, and who reads it looks now and then.
  if (peak_memory_ && ::pwrite(peak_memory_.get(), "0", 1, 0) != 1)
    peak_memory_ = UniqueFd(::fcntl(memory_.get(), F_DUPFD_CLOEXEC, 0));
  oom_kills_before_ = read_counter(oom_events_.get(), "oom_kill").value_or(0);
  memory_before_ = read_number(memory_.get()).value_or(0);
  return true;
}

Cgroup::~Cgroup() {
  for (const Place& place : places_) {
    // A process that was killed leaves its group a moment after it was reaped by its namespace.
    for (int attempt = 0; ::unlinkat(place.parent, place.name.c_str(), AT_REMOVEDIR) != 0; ++attempt) {
      if (errno != EBUSY || attempt == 50) {
        if (errno != ENOENT) log_warning("cgroup stays", {{"name", place.name}, {"reason", std::strerror(errno)}});
        break;
      }
      ::usleep(1000);
    }
  }
}

}  // namespace ci::os
