#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "app/commands/doctor/examine.h"
#include "app/commands/doctor/trial.h"
#include "base/unique_fd.h"
#include "os/cgroup.h"
#include "os/kernel_faults.h"
#include "sandbox/isolation.h"

namespace ci::app {

namespace {

std::string read_line(const char* path) {
  std::ifstream stream(path);
  std::string line;
  std::getline(stream, line);
  return line;
}
// A call with arguments that cannot be right: where it exists it says so.
bool has_mount_setattr() { return ::syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0) != 0 && errno == EINVAL; }

bool has_swap() {
  std::ifstream swaps("/proc/swaps");
  int lines = 0;
  for (std::string line; std::getline(swaps, line);) ++lines;
  return lines > 1;  // the first is a heading
}

// Some group's files say what all groups have; the root has none of them.
bool counts_swap(int version) {
  if (version == 1) return ::access("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK) == 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/fs/cgroup", ignored)) {
    if (std::filesystem::exists(entry.path() / "memory.swap.max", ignored)) return true;
  }
  return std::filesystem::exists("/sys/fs/cgroup/memory.swap.max", ignored);
}

bool shares_processors(int version) {
  if (version == 1) return ::access("/sys/fs/cgroup/cpu", F_OK) == 0;
  std::ifstream file("/sys/fs/cgroup/cgroup.controllers");
  for (std::string word; file >> word;) {
    if (word == "cpu") return true;
  }
  return false;
}

void examine_version(Findings& findings) {
  utsname names{};
  ::uname(&names);
  const bool new_enough = has_mount_setattr();
  findings.add(
      "Kernel", "version", new_enough,
      new_enough ? names.release : fmt::format("{}: mount_setattr cannot be called", names.release),
      "no sandbox can be made: its mounts are prepared with calls that came with Linux 5.2 to 5.12",
      "run Linux 5.12 or newer; in a container, a runtime that allows mount_setattr");
  const std::vector<std::string> faults = os::faults_of(names.release);
  std::string detail = faults.empty() ? "none that this program knows of" : fmt::format("{} has", names.release);
  for (const std::string& fault : faults) detail += (fault == faults.front() ? " " : ", ") + fault;
  findings.add(
      "Kernel", "faults that programs can reach", faults.empty(), detail,
      "a program may get out of its sandbox, unless your distribution has mended this in its own version of the kernel",
      "update the kernel and start it; the changelog of your distribution's kernel says whether it has the fixes",
      Verdict::weak);
}

void examine_namespaces(Findings& findings) {
  std::string how =
      "as root of a container: allow user namespaces (Docker: --security-opt seccomp=unconfined "
      "--security-opt apparmor=unconfined)";
  if (read_line("/proc/sys/user/max_user_namespaces") == "0") how = "sysctl user.max_user_namespaces=28633";
  if (read_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") how = "sysctl kernel.unprivileged_userns_clone=1";
  if (read_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" && ::geteuid() != 0) {
    how =
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with \"userns\" for the "
        "program: docs/running.md";
  }
  const std::string user = try_in_child([] { enter_user_namespace(0); });
  findings.add(
      "Kernel", "user namespaces", user.empty(), user.empty() ? "can be made" : user,
      "no sandbox can be made: root inside would be root outside", how);
  const std::string all = try_in_child(
      [] { enter_user_namespace(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP); });
  findings.add(
      "Kernel", "mount, network, ipc, uts and cgroup namespaces", all.empty(), all.empty() ? "can be made" : all,
      "no sandbox can be made", how);
  const std::string proc = try_in_child(mount_fresh_proc);
  findings.add(
      "Kernel", "fresh /proc in a pid namespace", proc.empty(), proc.empty() ? "can be mounted" : proc,
      "programs would see the host's processes, so no sandbox is made",
      "in a container: --security-opt systempaths=unconfined, or mount a second, unmasked proc (-v /proc:/run/proc)");
}

bool examine_id_ranges(Findings& findings) {
  if (::geteuid() == 0) {
    const std::string reason = try_in_child(map_foreign_ids);
    const bool own_ids = reason.empty();
    findings.add(
        "Kernel", "range of user ids", own_ids, own_ids ? "we are root and may map any" : reason,
        "programs of different sandboxes share one user id; namespaces still keep them apart",
        "in a container: the capabilities SETUID and SETGID, and a user namespace of its own that is large enough",
        Verdict::weak);
    return own_ids;
  }
  const passwd* entry = ::getpwuid(::geteuid());
  const std::string name = entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
  const bool has_program = ::access("/usr/bin/newuidmap", X_OK) == 0;
  const auto listed = [&](const char* path) {
    std::ifstream stream(path);
    for (std::string line; std::getline(stream, line);) {
      if (line.starts_with(name + ":") || line.starts_with(std::to_string(::geteuid()) + ":")) return true;
    }
    return false;
  };
  const bool has_range = listed("/etc/subuid") && listed("/etc/subgid");
  const bool own_ids = has_program && has_range;
  findings.add(
      "Kernel", "range of user ids", own_ids,
      has_program ? (has_range ? "newuidmap with a range for " + name : "no range for " + name)
                  : "newuidmap is not installed",
      "programs of different sandboxes share one user id; namespaces still keep them apart",
      fmt::format("apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", name),
      Verdict::weak);
  return own_ids;
}

// Returns the version; 0: there are none.
int examine_cgroups(Findings& findings, bool cgroups_optional) {
  std::string reason;
  int version = 0;
  try {
    const os::CgroupTree tree =
        os::CgroupTree::make("/sys/fs/cgroup", ::geteuid(), ::getegid(), ::getpid(), os::CgroupTree::Leftovers::keep);
    version = tree.version();
    tree.remove();
  } catch (const std::exception& error) {
    reason = error.what();
  }
  findings.add(
      "Kernel", "control groups", reason.empty(),
      reason.empty() ? fmt::format("version {}, memory and processes can be limited", version) : reason,
      cgroups_optional ? "memory and processes are limited one by one, not for a sandbox as a whole; accepted by "
                         "ALLOW_WEAK_SANDBOX"
                       : "memory and processes cannot be limited for a sandbox as a whole; no sandbox is made unless "
                         "ALLOW_WEAK_SANDBOX=cgroup accepts that",
      "start as root, or under a systemd service with Delegate=yes; in a container: --cgroupns=private and a writable "
      "/sys/fs/cgroup",
      cgroups_optional ? Verdict::weak : Verdict::missing);
  if (!reason.empty()) return 0;
  const bool swap = has_swap(), counted = counts_swap(version), shared = shares_processors(version);
  std::string detail = "there is no swap";
  if (swap) detail = counted ? "swap is limited too" : "swap is not limited";
  findings.add(
      "Kernel", "swap accounting", !swap || counted, detail, "a program may use swap beyond its memory limit",
      "boot with swapaccount=1, or without swap", Verdict::weak);
  findings.add(
      "Kernel", "processor shares", shared, shared ? "the cpu controller is there" : "there is no cpu controller",
      "a sandbox with many processes gets more of the processors than others",
      "under systemd: Delegate=cpu memory pids", Verdict::weak);
  return version;
}

// The kernel writes at most ten such reports in five seconds, each some 60 lines long without those.
void examine_log(Findings& findings) {
  const bool dumps = read_line("/proc/sys/vm/oom_dump_tasks") == "1";
  findings.add(
      "Kernel", "log of programs that need too much memory", !dumps,
      dumps ? "with a line for each process of the run (vm.oom_dump_tasks=1)" : "without their processes",
      "programs can write much into the kernel's log, so that older lines are lost", "sysctl vm.oom_dump_tasks=0",
      Verdict::weak);
}

void print_plan(Findings& findings, const sandbox::Isolation& plan) {
  findings.add(
      "Sandboxes", "made of", !plan.contained(),
      plan.contained() ? "what a container allows" : "everything that a kernel gives",
      "the container is the only boundary; it makes one run after the other, and programs see it and its network",
      "unset ALLOW_WEAK_SANDBOX=namespaces where namespaces can be made", Verdict::weak);
  for (const auto& [part, words] : sandbox::describe(plan)) findings.add("Sandboxes", part, true, words, "", "");
}

void examine_system_calls(Findings& findings) {
  const auto action = [](std::uint32_t value) {
    return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &value) == 0;
  };
  findings.add(
      "Kernel", "seccomp filters", action(SECCOMP_RET_KILL_PROCESS) && action(SECCOMP_RET_ERRNO),
      "kill and errno actions", "the kernel's whole surface would be open to programs, so no sandbox is made",
      "a kernel with CONFIG_SECCOMP_FILTER");
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  findings.add(
      "Kernel", "process descriptors", static_cast<bool>(pidfd), "pidfd_open",
      "signals could hit a recycled process id, so no sandbox is made",
      "Linux 5.3 or newer; a container runtime that allows pidfd_open");
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const UniqueFd here(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how)));
  findings.add(
      "Kernel", "confined path look-up", static_cast<bool>(here), "openat2",
      "files that a program leaves could not be opened safely, so none are collected",
      "Linux 5.6 or newer; a container runtime that allows openat2");
}

void examine_memory(Findings& findings) {
  findings.add(
      "Kernel", "memory overcommit", read_line("/proc/sys/vm/overcommit_memory") != "2",
      fmt::format("vm.overcommit_memory={}", read_line("/proc/sys/vm/overcommit_memory")),
      "each fork of a Python with libraries counts its whole memory again; few sandboxes fit",
      "sysctl vm.overcommit_memory=0", Verdict::weak);
}

}  // namespace

bool examine_kernel(Findings& findings, const std::set<std::string>& allow_weak) {
  sandbox::SandboxdSettings settings;
  settings.allow_weak = allow_weak;
  sandbox::HostParts host;
  host.landlock = sandbox::landlock_version();
  if (!settings.is_contained()) {
    examine_version(findings);
    examine_namespaces(findings);
    host.users = examine_id_ranges(findings);
    host.cgroup = examine_cgroups(findings, allow_weak.contains("cgroup"));
    examine_log(findings);
  }
  examine_system_calls(findings);
  examine_memory(findings);
  print_plan(findings, sandbox::plan_isolation(settings, host));
  return host.users;
}

}  // namespace ci::app
