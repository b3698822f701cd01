#include "zygote/working_set.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace zygote {

namespace {

constexpr int populate_read = 22, populate_write = 23;  // MADV_POPULATE_…: Linux 5.14, else refused
constexpr int patience = 5000;                          // milliseconds
constexpr size_t most_ranges = 20000;

// Documentation/admin-guide/mm/pagemap.rst in the kernel's sources.
constexpr std::uint64_t present = 1ull << 63, of_a_file = 1ull << 61, ours_alone = 1ull << 56;

bool is_wanted(std::uint64_t entry, bool writable) {
  if ((entry & present) == 0) return false;
  return !writable || (entry & (of_a_file | ours_alone)) == ours_alone;
}

}  // namespace

void report_working_set(int fd) {
  std::FILE* maps = std::fopen("/proc/self/maps", "re");
  const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (maps == nullptr || pagemap < 0) return;
  const auto page = static_cast<unsigned long>(::sysconf(_SC_PAGESIZE));
  std::vector<WorkingSet::Range> found;
  found.reserve(most_ranges);
  std::vector<std::uint64_t> entries;
  char line[512];
  while (std::fgets(line, sizeof line, maps) != nullptr) {
    unsigned long begin, end, offset, inode;
    char access[8], device[16];
    if (std::sscanf(line, "%lx-%lx %7s %lx %15s %lu", &begin, &end, access, &offset, device, &inode) != 6) continue;
    const bool writable = access[1] == 'w';
    // Shared mappings are nobody's own; pages of files that cannot be written to are found in the page cache.
    if (access[3] != 'p' || (!writable && inode == 0) || end - begin > (1ul << 32)) continue;
    entries.resize((end - begin) / page);
    const auto bytes = static_cast<ssize_t>(entries.size() * sizeof entries[0]);
    if (::pread(
            pagemap, entries.data(), static_cast<size_t>(bytes),
            static_cast<off_t>(begin / page * sizeof entries[0])) != bytes)
      continue;
    for (size_t i = 0; i < entries.size() && found.size() < most_ranges;) {
      size_t last = i;
      while (last < entries.size() && is_wanted(entries[last], writable)) ++last;
      if (last > i) found.push_back({begin + i * page, begin + last * page, writable ? populate_write : populate_read});
      i = last + 1;
    }
  }
  const char* next = reinterpret_cast<const char*>(found.data());
  for (size_t left = found.size() * sizeof found[0]; left > 0;) {
    const ssize_t count = ::write(fd, next, left);
    if (count < 0 && errno != EINTR) return;
    if (count > 0) {
      next += count;
      left -= static_cast<size_t>(count);
    }
  }
}

int WorkingSet::learn(const Hooks& hooks) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  if (hooks.before != nullptr) hooks.before();
  const pid_t child = ::fork();
  if (child == 0) {
    if (hooks.in_child != nullptr) hooks.in_child();
    ::close(ends[0]);
    return ends[1];
  }
  if (hooks.in_parent != nullptr) hooks.in_parent();
  ::close(ends[1]);
  if (child > 0) {
    read(ends[0]);
    ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(ends[0]);
  return -1;
}

void WorkingSet::read(int fd) {
  std::vector<char> bytes;
  char buffer[64 << 10];
  pollfd waiting{fd, POLLIN, 0};
  while (::poll(&waiting, 1, patience) > 0) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    bytes.insert(bytes.end(), buffer, buffer + count);
  }
  ranges_.resize(bytes.size() / sizeof(Range));
  std::memcpy(ranges_.data(), bytes.data(), ranges_.size() * sizeof(Range));
}

void WorkingSet::touch() const {
  for (const Range& range : ranges_)
    ::madvise(reinterpret_cast<void*>(range.begin), range.end - range.begin, range.advice);
}

}  // namespace zygote
