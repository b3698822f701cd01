#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

#include "base/log.h"
#include "base/sys.h"
#include "os/cgroup.h"
#include "os/cgroup_files.h"

namespace ci::os {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "kubecoderun-";
constexpr std::string_view init_group = "kubecoderun.init";
constexpr const char* daemon_group = "sandboxd";  // below ours
constexpr int daemon_cpu_weight = 1000;           // who enforces limits must not wait for those who have them
constexpr int most_namesakes = 100;
constexpr std::array<std::string_view, 3> v1_controllers = {"memory", "pids", "cpu"};
constexpr std::string_view v1_freezer = "freezer";  // where it is

// Bytes of all TCP sockets of the machine from which on the kernel makes them all suffer: the middle one of three numbers of pages
// (ip-sysctl.rst, tcp_mem). 0: unknown.
std::uint64_t tcp_memory() {
  std::ifstream file("/proc/sys/net/ipv4/tcp_mem");
  std::uint64_t low = 0, pressure = 0;
  file >> low >> pressure;
  return pressure * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string first_word_of_file(const fs::path& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

// Of "kubecoderun-<pid>-<start time>", which says to people whose a group is.
std::string start_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const size_t after_name = line.rfind(')');
  if (after_name == line.npos) return "";
  std::istringstream rest(line.substr(after_name + 2));
  std::string field;
  rest >> field;
  if (field == "Z" || field == "X") return "";  // dead, and only not yet waited for
  for (int i = 1; i < 20; ++i) rest >> field;   // field 22 of proc(5)
  return field;
}

// Whoever has the group holds this lock, and the kernel lets go of it when the holder ends, however that happens. A pid would
// mean nothing to those who see other processes than we do. Nothing: somebody else has it, or it is just being removed.
UniqueFd lock_group(const fs::path& directory) {
  UniqueFd lock(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return {};
  struct stat held{}, named{};
  const bool same =
      ::fstat(lock.get(), &held) == 0 && ::stat(directory.c_str(), &named) == 0 && held.st_ino == named.st_ino;
  return same ? std::move(lock) : UniqueFd();
}

void thaw_group(const fs::path& directory) {
  const UniqueFd state(::open((directory / "freezer.state").c_str(), O_WRONLY | O_CLOEXEC));
  if (state) Freezer{state.get(), 1}.thaw();
}

// Whoever is still inside belongs to a sandbox that nobody watches over any more, and is dying already: its namespace
// ended with its owner. That takes a moment, and a group can go only when it is empty.
void remove_group(const fs::path& directory) {
  thaw_group(directory);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.is_directory(ignored)) remove_group(entry.path());
  }
  constexpr int attempts = 200;
  for (int attempt = 0; ::rmdir(directory.c_str()) != 0; ++attempt) {
    if (errno == ENOENT) return;
    if (errno != EBUSY || attempt == attempts) {
      log_warning("cgroup stays", {{"directory", directory}, {"reason", std::strerror(errno)}});
      return;
    }
    ::usleep(10000);
  }
}

void remove_leftovers(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    if (const UniqueFd lock = lock_group(entry.path())) remove_group(entry.path());
  }
}

// The cgroup that this process is in, as a path below the v2 mount.
std::string own_v2_group() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return line.substr(3);
  }
  return "/";
}

std::set<std::string> controllers_at(const fs::path& directory) {
  std::ifstream file(directory / "cgroup.controllers");
  std::set<std::string> found;
  for (std::string word; file >> word;) found.insert(word);
  return found;
}

// No process may be in a group that hands out controllers (cgroup-v2.rst, "No Internal Process Constraint"): what is
// there, which is us and our siblings, goes into a leaf first. In a container that is the group of everything in it.
void move_into_leaf(const fs::path& group) {
  const fs::path leaf = group / init_group;
  std::error_code ignored;
  fs::create_directory(leaf, ignored);
  std::ifstream processes(group / "cgroup.procs");
  for (std::string pid; processes >> pid;) std::ofstream(leaf / "cgroup.procs") << pid;
}

}  // namespace

std::string group_of_ours(std::string_view own) {
  if (own.ends_with(init_group)) {
    own.remove_suffix(init_group.size());
    if (own.ends_with('/')) own.remove_suffix(1);
  }
  return std::string(own.empty() ? "/" : own);
}

CgroupTree CgroupTree::make(const fs::path& mount, uid_t owner, gid_t group, pid_t process, Leftovers leftovers) {
  const std::string name = std::string(prefix) + std::to_string(process) + "-" + start_time(process);
  CgroupTree tree;
  const auto add = [&](const fs::path& parent, std::string controller) {
    if (leftovers == Leftovers::remove) remove_leftovers(parent);
    Hierarchy hierarchy;
    hierarchy.controller = std::move(controller);
    std::error_code error;
    // Processes of other namespaces may have the same number as ours.
    for (int attempt = 1; !hierarchy.lock && !error && attempt <= most_namesakes; ++attempt) {
      hierarchy.directory = parent / (attempt == 1 ? name : name + "-" + std::to_string(attempt));
      fs::create_directory(hierarchy.directory, error);
      if (!error) hierarchy.lock = lock_group(hierarchy.directory);
    }
    if (!hierarchy.lock && !error) error = std::make_error_code(std::errc::device_or_resource_busy);
    if (error) {
      throw Failure(
          FailureKind::unavailable,
          "no writable cgroup: cannot make " + hierarchy.directory.string() + " (" + error.message() +
              "). Start as root, or under systemd with Delegate=yes (systemd-run --user --scope -p Delegate=yes …), or "
              "set ALLOW_WEAK_SANDBOX=cgroup to run with per-process limits only");
    }
    hierarchy.descriptor = UniqueFd(
        sys("opening a cgroup", [&] { return ::open(hierarchy.directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    // The owner may make groups below, move its processes into them and set their limits; our own group's limits,
    // whose files stay root's, it may not change.
    if (::geteuid() == 0) {
      sys("handing over a cgroup", [&] { return ::chown(hierarchy.directory.c_str(), owner, group); });
      for (const char* file : {"cgroup.procs", "tasks", "cgroup.subtree_control", "cgroup.threads"}) {
        if (::fchownat(hierarchy.descriptor.get(), file, owner, group, 0) != 0 && errno != ENOENT) {
          throw Failure::from_errno(errno, std::string("handing over ") + file);
        }
      }
    }
    tree.hierarchies_.push_back(std::move(hierarchy));
  };

  if (const auto controllers = controllers_at(mount); controllers.contains("memory") && controllers.contains("pids")) {
    tree.version_ = 2;
    fs::path parent = mount;
    if (::geteuid() != 0 || ::access((mount / "cgroup.subtree_control").c_str(), W_OK) != 0) {
      parent = mount / fs::path(group_of_ours(own_v2_group())).relative_path();
      if (!fs::is_directory(parent))
        parent = mount;  // the name is one of another namespace: what is mounted is all we have
    }
    if (fs::exists(parent / "cgroup.type")) move_into_leaf(parent);  // only the host's own root has none
    std::ofstream(parent / "cgroup.subtree_control") << "+memory +pids";
    std::ofstream(parent / "cgroup.subtree_control") << "+cpu";
    if (!controllers_at(parent).contains("cpu")) {
      log_warning("no cpu controller: a sandbox with many processes gets more of the processors than others");
    }
    add(parent, "");
    write_file(tree.hierarchies_[0].descriptor.get(), "cgroup.subtree_control", "+memory +pids");
    try_write_file(tree.hierarchies_[0].descriptor.get(), "cgroup.subtree_control", "+cpu");
    return tree;
  }
  tree.version_ = 1;
  for (const std::string_view controller : v1_controllers) {
    const fs::path parent = mount / controller;
    if (first_word_of_file(parent / "cgroup.procs").empty() && !fs::exists(parent / "cgroup.procs")) {
      throw Failure(
          FailureKind::unavailable,
          "no cgroup controller \"" + std::string(controller) + "\" at " + parent.string() +
              ". Mount cgroups (version 2 or 1), or set ALLOW_WEAK_SANDBOX=cgroup to run with per-process limits only");
    }
    add(parent, std::string(controller));
  }
  try {
    if (fs::exists(mount / v1_freezer / "cgroup.procs")) add(mount / v1_freezer, std::string(v1_freezer));
  } catch (const Failure& failure) {
    log_warning("programs that pause are stopped with signals", {{"reason", failure.what()}});
  }
  return tree;
}

Cgroup CgroupTree::create(const std::string& name, const CgroupLimits& limits) const {
  Cgroup group;
  group.freezer_version_ = version_;
  for (const Hierarchy& hierarchy : hierarchies_) {
    const int parent = hierarchy.descriptor.get();
    sys("making a cgroup", [&] { return ::mkdirat(parent, name.c_str(), 0755); });
    group.places_.push_back({parent, name});
    const UniqueFd directory(
        sys("opening a cgroup", [&] { return ::openat(parent, name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC); }));
    const int fd = directory.get();
    set_limits(fd, hierarchy.controller, limits);
    const auto add_limit = [&](const char* file_name) {
      if (UniqueFd file = open_file(fd, file_name, O_WRONLY)) group.memory_limits_.push_back(std::move(file));
    };
    if (version_ == 2) {
      group.oom_events_ = open_file(fd, "memory.events", O_RDONLY);
      group.peak_memory_ = open_file(fd, "memory.peak", O_RDWR);
      if (!group.peak_memory_) group.peak_memory_ = open_file(fd, "memory.peak", O_RDONLY);
      group.memory_ = open_file(fd, "memory.current", O_RDONLY);
      group.memory_statistics_ = open_file(fd, "memory.stat", O_RDONLY);
      add_limit("memory.max");
      group.freezer_ = open_file(fd, "cgroup.freeze", O_WRONLY);
    } else if (hierarchy.controller == "memory") {
      add_limit("memory.limit_in_bytes");
      add_limit("memory.memsw.limit_in_bytes");  // never less than the other
      group.oom_events_ = open_file(fd, "memory.oom_control", O_RDONLY);
      group.peak_memory_ = open_file(fd, "memory.max_usage_in_bytes", O_RDWR);
      group.memory_ = open_file(fd, "memory.usage_in_bytes", O_RDONLY);
      group.memory_statistics_ = open_file(fd, "memory.stat", O_RDONLY);
    } else if (hierarchy.controller == v1_freezer) {
      group.freezer_ = open_file(fd, "freezer.state", O_WRONLY);
    }
    group.join_.push_back(
        UniqueFd(sys("opening a cgroup", [&] { return ::openat(fd, "cgroup.procs", O_RDWR | O_CLOEXEC); })));
  }
  return group;
}

void CgroupTree::limit(const CgroupLimits& limits) const {
  for (const Hierarchy& hierarchy : hierarchies_) {
    const int directory = hierarchy.descriptor.get();
    const bool v2 = hierarchy.controller.empty();
    const std::string memory = std::to_string(limits.memory_bytes);
    if (v2) {
      try_write_file(directory, "memory.max", memory);
      try_write_file(directory, "memory.swap.max", "0");
    }
    if (hierarchy.controller == "memory") {
      try_write_file(directory, "memory.limit_in_bytes", memory);
      try_write_file(directory, "memory.memsw.limit_in_bytes", memory);
      if (const std::uint64_t most = tcp_memory(); most > 0) {
        try_write_file(
            directory, "memory.kmem.tcp.limit_in_bytes", std::to_string(std::min(most / 2, limits.memory_bytes)));
      }
    }
    if (v2 || hierarchy.controller == "pids") try_write_file(directory, "pids.max", std::to_string(limits.processes));
  }
}

void CgroupTree::take_in(pid_t process) const {
  if (version_ != 2) return;  // with version 1 who owns both processes and groups may move them
  const int ours = hierarchies_[0].descriptor.get();
  sys("making a cgroup", [&] { return ::mkdirat(ours, daemon_group, 0755); });
  const UniqueFd group(
      sys("opening a cgroup", [&] { return ::openat(ours, daemon_group, O_PATH | O_DIRECTORY | O_CLOEXEC); }));
  try_write_file(group.get(), "cpu.weight", std::to_string(daemon_cpu_weight));
  write_file(group.get(), "cgroup.procs", std::to_string(process));
}

void CgroupTree::thaw() const {
  std::error_code ignored;
  for (const Hierarchy& hierarchy : hierarchies_) {
    if (hierarchy.controller != v1_freezer) continue;
    for (const auto& entry : fs::directory_iterator(hierarchy.directory, ignored)) thaw_group(entry.path());
  }
}

void CgroupTree::leave_ownership() {
  for (Hierarchy& hierarchy : hierarchies_) hierarchy.lock.reset();
}

void CgroupTree::remove() const {
  for (const Hierarchy& hierarchy : hierarchies_) remove_group(hierarchy.directory);
}

}  // namespace ci::os
