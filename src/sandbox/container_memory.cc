#include "sandbox/container_memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "os/cgroup.h"
#include "sandbox/guest/guest.h"

namespace ci::sandbox {

namespace {

namespace fs = std::filesystem;

constexpr long tmpfs_magic = 0x01021994;  // statfs(2)
constexpr unsigned exiting = 4;           // PF_EXITING of the kernel: it never comes back to its program

void for_each_number(const std::string& folder, const std::function<void(const std::string& path)>& look) {
  struct Close {
    void operator()(DIR* stream) const { ::closedir(stream); }
  };
  const std::unique_ptr<DIR, Close> entries(::opendir(folder.c_str()));
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') look(folder + "/" + entry->d_name);
  }
}

struct Process {
  char state = 0;
  int group = 0, status = 0;  // as wait(2) will tell it: shown to who may trace the process, and 0 to others
  unsigned flags = 0;
  std::uint64_t threads = 0, resident = 0;  // pages
};

// From /proc/<pid>/stat, or that of a thread.
std::optional<Process> read_process(const std::string& folder) {
  const UniqueFd file(::open((folder + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t got = file ? ::read(file.get(), text, sizeof text - 1) : -1;
  if (got <= 0) return std::nullopt;
  text[got] = '\0';
  // After the name, which can have any characters in it: state, parent, group, 4 fields later flags, 11 later threads, then 4 later
  // the pages; the status is the last of all.
  const char *rest = std::strrchr(text, ')'), *last = std::strrchr(text, ' ');
  Process process;
  unsigned long long threads = 0, resident = 0;
  if (rest == nullptr ||
      std::sscanf(
          rest + 1, " %c %*d %d %*s %*s %*s %u %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %*s %*s %*s %llu",
          &process.state, &process.group, &process.flags, &threads, &resident) != 5 ||
      std::sscanf(last, " %d", &process.status) != 1) {
    return std::nullopt;
  }
  process.threads = threads;
  process.resident = resident;
  return process;
}

// Where what a process has can be seen: once its first thread has ended, at another one.
std::string folder_of_living(const std::string& process) {
  std::string found;
  for_each_number(process + "/task", [&](const std::string& thread) {
    if (!found.empty()) return;
    const auto state = read_process(thread);
    if (state && state->state != 'Z' && state->state != 'X') found = thread;
  });
  return found;
}

// Bytes of a memory file system that are used; nothing when it is none.
std::optional<std::uint64_t> used_of(const char* path) {
  struct statfs system{};
  if (::statfs(path, &system) != 0 || system.f_type != tmpfs_magic) return std::nullopt;
  return (system.f_blocks - system.f_bfree) * static_cast<std::uint64_t>(system.f_bsize);
}

// The control group of this process as it can see it, "memory" being a controller of version 1; empty: it cannot.
fs::path own_group(const fs::path& mount, const char* controller) {
  std::ifstream file("/proc/self/cgroup");
  const std::string part = std::string(":") + controller + ":";
  fs::path group = "/";
  for (std::string line; std::getline(file, line);) {
    if (const size_t at = line.find(part); at != line.npos) group = line.substr(at + part.size());
  }
  std::error_code ignored;
  const fs::path whole = mount / group.relative_path();
  return fs::is_directory(whole, ignored) ? whole : mount;
}

UniqueFd open_to_read(const fs::path& path) { return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); }

}  // namespace

void ContainerMemory::begin(const fs::path& groups) {
  if (const fs::path group = own_group(groups, "");
      fs::exists(group / "memory.current")) {  // the root has no such file
    usage_ = open_to_read(group / "memory.current");
    statistics_ = open_to_read(group / "memory.stat");
    events_ = open_to_read(group / "memory.events");
    if (!usage_) statistics_.reset();
  } else if (const fs::path old = own_group(groups / "memory", "memory");
             !fs::exists(old / "release_agent")) {  // the root's
    statistics_ = open_to_read(old / "memory.stat");
    events_ = open_to_read(old / "memory.oom_control");
  }
  before_ = counted_by_kernel();
  kills_before_ = kills();
  folders_.clear();
  std::vector<dev_t> devices;
  for (const char* path : {workspace, "/tmp", "/dev/shm"}) {
    struct stat info{};
    const auto used = used_of(path);
    if (!used || ::stat(path, &info) != 0 || std::ranges::find(devices, info.st_dev) != devices.end()) continue;
    devices.push_back(info.st_dev);
    folders_.push_back({path, *used});
  }
  const UniqueFd any(::memfd_create("any", MFD_CLOEXEC));
  struct stat info{};
  if (any && ::fstat(any.get(), &info) == 0) memory_device_ = info.st_dev;
}

std::uint64_t ContainerMemory::counted_by_kernel() const {
  const auto sum = [this](std::initializer_list<const char*> kinds) {
    std::uint64_t bytes = 0;
    for (const char* kind : kinds) bytes += os::read_counter(statistics_.get(), kind).value_or(0);
    return bytes;
  };
  // Version 1 does not say which of the kernel's own memory can be taken back, so none of it is counted.
  if (!usage_) return sum({"rss", "shmem"});
  const std::uint64_t usage = os::read_number(usage_.get()).value_or(0);
  return usage - std::min(usage, sum({"inactive_file", "active_file", "slab_reclaimable"}));
}

std::uint64_t ContainerMemory::kills() const { return os::read_counter(events_.get(), "oom_kill").value_or(0); }

GroupUsage ContainerMemory::of(pid_t group) const {
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  GroupUsage usage;
  std::map<ino_t, std::uint64_t> memory_files;
  for_each_number("/proc", [&](std::string folder) {
    std::optional<Process> process = read_process(folder);
    if (!process || process->group != group) return;
    usage.threads += process->threads;
    if (statistics_) return;
    if (process->state == 'Z') {
      folder = folder_of_living(folder);
      if (folder.empty()) return;
      if (const auto living = read_process(folder)) process = living;
    }
    usage.memory += process->resident * page;
    for_each_number(folder + "/fd", [&](const std::string& file) {
      struct stat info{};
      if (::stat(file.c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_dev == memory_device_)
        memory_files[info.st_ino] = static_cast<std::uint64_t>(info.st_blocks) * 512;
    });
  });
  if (statistics_) {
    const std::uint64_t now = counted_by_kernel();
    usage.memory = now - std::min(now, before_);
    return usage;
  }
  for (const auto& [file, bytes] : memory_files) usage.memory += bytes;
  for (const Folder& folder : folders_) {
    const std::uint64_t used = used_of(folder.path).value_or(0);
    usage.memory += used - std::min(used, folder.before);
  }
  return usage;
}

bool is_leaving(pid_t group) {
  bool some = false, all = true;
  for_each_number("/proc", [&](const std::string& folder) {
    const std::optional<Process> process = read_process(folder);
    if (!process || process->group != group) return;
    some = true;
    if ((process->flags & exiting) == 0 || process->threads > 1) all = false;
  });
  return some && all;
}

std::optional<int> status_of_leaving(pid_t process) {
  const auto found = read_process("/proc/" + std::to_string(process));
  return found ? std::optional(found->status) : std::nullopt;
}

}  // namespace ci::sandbox
