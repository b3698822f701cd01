#include "sandbox/lock_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>

namespace ci::sandbox {

namespace {

constexpr std::uint64_t most_growth = 32 << 20;
constexpr int most_locks = 2000;  // a data base has some dozens

}  // namespace

std::optional<std::uint64_t> kernel_memory(int file) {
  char text[4096];
  const ssize_t size = ::pread(file, text, sizeof text - 1, 0);
  if (size <= 0) return std::nullopt;
  text[size] = '\0';
  unsigned long long kilobytes = 0;
  const char* line = std::strstr(text, "SUnreclaim:");
  if (line == nullptr || std::sscanf(line, "SUnreclaim: %llu kB", &kilobytes) != 1) return std::nullopt;
  return kilobytes << 10;
}

int locks_of_processes(int file, int most) {
  std::array<char, 16 << 10> buffer;
  std::string rest;
  int count = 0;
  for (ssize_t got; count < most && (got = ::read(file, buffer.data(), buffer.size())) > 0;) {
    rest.append(buffer.data(), static_cast<size_t>(got));
    size_t begin = 0;
    for (size_t end; (end = rest.find('\n', begin)) != rest.npos && count < most; begin = end + 1) {
      // Those of open files are nobody's, and everybody sees them. A sandbox cannot make any.
      if (rest.substr(begin, end - begin).find("OFDLCK") == rest.npos) ++count;
    }
    rest.erase(0, begin);
  }
  return count;
}

void LockWatch::open() { memory_ = UniqueFd(::open("/proc/meminfo", O_RDONLY | O_CLOEXEC)); }

bool LockWatch::too_many() {
  const std::optional<std::uint64_t> now = memory_ ? kernel_memory(memory_.get()) : std::nullopt;
  if (!now) return false;
  if (!least_ || *now < *least_) least_ = now;
  if (*now - *least_ <= most_growth) return false;
  const UniqueFd locks(::open("/proc/locks", O_RDONLY | O_CLOEXEC));
  if (locks && locks_of_processes(locks.get(), most_locks) >= most_locks) return true;
  least_ = now;  // it was something else
  return false;
}

}  // namespace ci::sandbox
