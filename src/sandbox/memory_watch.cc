#include "sandbox/memory_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "os/cgroup.h"

namespace ci::sandbox {

namespace {

constexpr auto netlink_interval = std::chrono::milliseconds(100);
constexpr std::uint64_t most_queued = 16 << 20;
constexpr unsigned exiting = 4;   // PF_EXITING of the kernel: it never comes back to its program
constexpr int most_lines = 4096;  // sockets; who has more is not looking for addresses

}  // namespace

std::uint64_t queued_for_netlink(int file, std::uint64_t most) {
  std::array<char, 16 << 10> buffer;
  std::uint64_t sum = 0;
  int lines = 0;
  std::string rest;
  ::lseek(file, 0, SEEK_SET);
  for (ssize_t got; (got = ::read(file, buffer.data(), buffer.size())) > 0;) {
    rest.append(buffer.data(), static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end; (end = rest.find('\n', begin)) != rest.npos; begin = end + 1) {
      rest[end] = '\0';
      unsigned long long bytes = 0;
      if (std::sscanf(rest.c_str() + begin, "%*s %*s %*s %*s %llu", &bytes) == 1) sum += bytes;
      if (sum >= most || ++lines > most_lines) return most;
    }
    rest.erase(0, begin);
  }
  return sum;
}

GroupUsage usage_of_group(pid_t group) {
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  const std::unique_ptr<DIR, Close> processes(::opendir("/proc"));
  GroupUsage usage;
  while (const dirent* entry = processes ? ::readdir(processes.get()) : nullptr) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    const std::string path = std::string("/proc/") + entry->d_name + "/stat";
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[1024];
    const ssize_t got = file ? ::read(file.get(), text, sizeof text - 1) : -1;
    if (got <= 0) continue;
    text[got] = '\0';
    // After the name, which can have any characters in it: state, parent, group, 4 fields later flags, 11 later threads, then 4 later
    // the pages.
    const char* rest = std::strrchr(text, ')');
    int own_group = 0;
    unsigned flags = 0;
    unsigned long long threads = 0, resident = 0;
    if (rest == nullptr ||
        std::sscanf(
            rest + 1, " %*c %*d %d %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %*s %*s %*s %llu",
            &own_group, &flags, &threads, &resident) != 4) {
      continue;
    }
    if (own_group != group) continue;
    usage.memory += resident * page;
    usage.threads += threads;
    if ((flags & exiting) == 0 || threads > 1) usage.runs = true;
  }
  return usage;
}

std::optional<int> status_of_leaving(pid_t process) {
  const UniqueFd file(::open(("/proc/" + std::to_string(process) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t got = file ? ::read(file.get(), text, sizeof text - 1) : -1;
  if (got <= 0) return std::nullopt;
  text[got] = '\0';
  // The last field, as wait(2) will tell it. The kernel shows it to who may trace the process, and 0 to others.
  const char* last = std::strrchr(text, ' ');
  int status = 0;
  if (last == nullptr || std::sscanf(last, " %d", &status) != 1) return std::nullopt;
  return status;
}

void MemoryWatch::open_netlink() { netlink_ = UniqueFd(::open("/proc/self/net/netlink", O_RDONLY | O_CLOEXEC)); }

// Not at once: most programs are over by then.
void MemoryWatch::begin(Clock::time_point now) { netlink_due_ = now + netlink_interval; }

void MemoryWatch::watch_group(pid_t group, std::uint64_t most, std::uint64_t processes) {
  group_ = group;
  most_ = most;
  most_processes_ = processes;
}

bool MemoryWatch::lower(const std::vector<int>& limits, std::uint64_t bytes) {
  if (group_ > 0) most_ = bytes;
  const std::string text = std::to_string(bytes + files_.memory_of_others);
  const bool taken =
      std::ranges::all_of(limits, [&](int limit) { return ::write(limit, text.data(), text.size()) > 0; });
  if (!taken) exhausted_ = true;
  return taken;
}

bool MemoryWatch::exhausted() {
  if (group_ > 0 && Clock::now() >= netlink_due_) {
    const GroupUsage now = usage_of_group(group_);
    peak_ = std::max(peak_, now.memory);
    exhausted_ = exhausted_ || now.memory > most_ || now.threads > most_processes_;
    netlink_due_ = Clock::now() + netlink_interval;
    return exhausted_;
  }
  peak();
  if (!exhausted_ && files_.oom_events >= 0) {
    exhausted_ = os::read_counter(files_.oom_events, "oom_kill").value_or(0) > files_.oom_kills_before;
  }
  if (!exhausted_ && netlink_ && Clock::now() >= netlink_due_) {
    exhausted_ = queued_for_netlink(netlink_.get(), most_queued) >= most_queued;
    netlink_due_ = Clock::now() + netlink_interval;
  }
  return exhausted_;
}

std::uint64_t MemoryWatch::peak() {
  if (files_.peak < 0) return peak_;
  const std::uint64_t now = os::read_number(files_.peak).value_or(0);
  peak_ = std::max(peak_, now - std::min(now, files_.memory_before));
  return peak_;
}

}  // namespace ci::sandbox
