#include "sandbox/memory_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "os/cgroup.h"

namespace ci::sandbox {

namespace {

constexpr auto interval = std::chrono::milliseconds(100);
constexpr std::uint64_t most_queued = 16 << 20;
constexpr int most_lines = 4096;  // sockets; who has more is not looking for addresses
constexpr std::uint64_t most_in_connections = 64 << 20;

// Of a text that may be long, what `number_of` says of each line; no more than `most`.
template <class NumberOf>
std::uint64_t sum_of_lines(int file, std::uint64_t most, NumberOf number_of) {
  std::array<char, 16 << 10> buffer;
  std::uint64_t sum = 0;
  std::string rest;
  ::lseek(file, 0, SEEK_SET);
  for (ssize_t got; (got = ::read(file, buffer.data(), buffer.size())) > 0;) {
    rest.append(buffer.data(), static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end; (end = rest.find('\n', begin)) != rest.npos; begin = end + 1) {
      rest[end] = '\0';
      sum += number_of(rest.c_str() + begin);
      if (sum >= most) return most;
    }
    rest.erase(0, begin);
  }
  return sum;
}

}  // namespace

std::uint64_t queued_for_netlink(int file, std::uint64_t most) {
  int lines = 0;
  return sum_of_lines(file, most, [&](const char* line) -> std::uint64_t {
    unsigned long long bytes = 0;
    if (std::sscanf(line, "%*s %*s %*s %*s %llu", &bytes) != 1) bytes = 0;
    return ++lines > most_lines ? most : bytes;
  });
}

std::uint64_t queued_in_connections(int file, std::uint64_t most) {
  return sum_of_lines(file, most, [](const char* line) -> std::uint64_t {
    unsigned long long to_send = 0, received = 0;
    const bool found = std::sscanf(line, "%*s %*s %*s %*s %llx:%llx", &to_send, &received) == 2;
    return found ? to_send + received : 0;
  });
}

void MemoryWatch::open() {
  netlink_ = UniqueFd(::open("/proc/self/net/netlink", O_RDONLY | O_CLOEXEC));
  if (files_.oom_events < 0) {
    for (const char* protocol : {"tcp", "tcp6", "udp", "udp6"}) {
      const std::string name = std::string("/proc/self/net/") + protocol;
      connections_.emplace_back(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    }
  }
  locks_.open();
}

// Not at once: most programs are over by then.
void MemoryWatch::begin(Clock::time_point now) {
  if (group_ > 0) container_.begin();
  look_due_ = now + interval;
}

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
  if (group_ == 0) peak();
  if (!exhausted_ && files_.oom_events >= 0) {
    exhausted_ = os::read_counter(files_.oom_events, "oom_kill").value_or(0) > files_.oom_kills_before;
  }
  if (!exhausted_ && group_ > 0) exhausted_ = container_.one_was_ended();
  if (!exhausted_ && Clock::now() >= look_due_) {
    const auto began = Clock::now();
    exhausted_ = look();
    const auto end = Clock::now();
    look_due_ =
        end + std::max<Clock::duration>(interval, 10 * (end - began));  // what is to be looked at can be very much
  }
  return exhausted_;
}

bool MemoryWatch::look() {
  if (group_ > 0) {
    const GroupUsage now = container_.of(group_);
    peak_ = std::max(peak_, now.memory);
    if (now.memory > most_ || now.threads > most_processes_) return true;
  } else if (holds_too_much_in_sockets()) {
    return true;
  }
  return locks_.too_many();
}

bool MemoryWatch::holds_too_much_in_sockets() const {
  if (netlink_ && queued_for_netlink(netlink_.get(), most_queued) >= most_queued) return true;
  std::uint64_t waiting = 0;
  for (const UniqueFd& file : connections_) {
    if (file) waiting += queued_in_connections(file.get(), most_in_connections);
  }
  return waiting >= most_in_connections;
}

std::uint64_t MemoryWatch::peak() {
  if (files_.peak < 0) return peak_;
  const std::uint64_t now = os::read_number(files_.peak).value_or(0);
  peak_ = std::max(peak_, now - std::min(now, files_.memory_before));
  return peak_;
}

}  // namespace ci::sandbox
