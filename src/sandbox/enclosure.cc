#include "sandbox/enclosure.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string>

#include "base/sys.h"
#include "os/empty_directory.h"

namespace ci::sandbox {

namespace {

void mount_memory(const char* target, const std::string& options) {
  sys(std::string("mounting ") + target,
      [&] { return ::mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()); });
}

// Of the host, and no file of a process. Where it is not there, nothing is to hide.
void hide(const char* file) { ::mount("/dev/null", file, nullptr, MS_BIND, nullptr); }

void bring_up_loopback() {
  const UniqueFd socket(sys("opening a socket", [&] { return ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  sys("bringing up the loopback interface", [&] { return ::ioctl(socket.get(), SIOCSIFFLAGS, &request); });
}

// What the agent still needs after the sandbox stands: to kill, to read and to give away the guest's files.
void keep_few_capabilities() {
  constexpr std::uint32_t kept =
      1u << CAP_KILL | 1u << CAP_CHOWN | 1u << CAP_FOWNER | 1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct sets[2] = {{kept, kept, 0}, {}};
  sys("dropping capabilities", [&] { return ::syscall(SYS_capset, &header, sets); });
}

// What an earlier program has left is not for the next one.
void empty(const char* path) {
  const UniqueFd folder(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder && errno == ENOENT) return;
  if (!folder || !os::empty_directory(folder.get())) {
    throw Failure(FailureKind::unavailable, std::string(path) + " has something in it that cannot be removed");
  }
}

// Orphans of the sandbox come to us.
void use_container(const AgentPlan& plan) {
  sys("waiting for orphans", [] { return ::prctl(PR_SET_CHILD_SUBREAPER, 1); });
  for (const char* path : {workspace, "/tmp", "/dev/shm"}) empty(path);
  if (!plan.compile.empty()) {
    sys("making a directory for the compiler", [] { return ::mkdir("/tmp/build", 0700); });  // to which /build leads
  }
  // Zygotes start with an empty script in the place of the user's.
  if (plan.birth == Birth::adopted) {
    const std::string script = std::string(workspace) + "/" + plan.source_name;
    const UniqueFd file(
        sys("making an empty script", [&] { return ::open(script.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644); }));
  }
  sys("entering the workspace", [&] { return ::chdir(workspace); });
}

}  // namespace

void make_enclosure(const AgentPlan& plan) {
  if (plan.isolation.contained()) return use_container(plan);
  const std::string inodes = ",nr_inodes=" + std::to_string(plan.workspace_files);
  const std::string guest = std::to_string(guest_id);
  mount_memory(
      workspace, "mode=0755,uid=" + guest + ",gid=" + guest + ",size=" + std::to_string(plan.workspace_bytes) + inodes);
  mount_memory("/tmp", "mode=1777,size=" + std::to_string(plan.tmp_bytes) + inodes);
  mount_memory("/dev/shm", "mode=1777,size=" + std::to_string(plan.tmp_bytes / 4) + inodes);
  if (!plan.compile.empty()) {
    mount_memory(
        build_directory,
        "mode=0755,uid=" + guest + ",gid=" + guest + ",size=" + std::to_string(plan.tmp_bytes) + inodes);
  }
  // Other users' processes, of which the agent is the only one, cannot be seen.
  sys("mounting /proc",
      [&] { return ::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "hidepid=invisible"); });
  for (const char* file : {"/proc/cmdline", "/proc/keys"}) hide(file);
  bring_up_loopback();
  sys("setting the host name", [&] { return ::sethostname(plan.hostname.data(), plan.hostname.size()); });
  sys("entering the workspace", [&] { return ::chdir(workspace); });
}

// Only now: a zygote may enter the namespaces of a process only while it could trace it (setns(2)), and the steps
// below end that. Until the word to go the guest's process runs nothing but our code.
void give_up_rights(const AgentPlan& plan) {
  if (plan.isolation.contained()) {
    ::prctl(PR_SET_DUMPABLE, 0);  // the program is the same user
    return;
  }
  // The guest has set what it must, and nothing below /proc is a program's to change: how soon the kernel ends it, for one.
  sys("making /proc read-only", [] {
    return ::mount(
        nullptr, "/proc", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
  });
  ::syscall(SYS_setgroups, 0, nullptr);  // denied, and needless, where only one uid is mapped
  sys("changing the group", [&] { return ::syscall(SYS_setresgid, plan.agent_uid, plan.agent_uid, plan.agent_uid); });
  sys("changing the user", [&] { return ::syscall(SYS_setresuid, plan.agent_uid, plan.agent_uid, plan.agent_uid); });
  keep_few_capabilities();
  // Changing the user cleared the parent-death signal. We are process 1: our death ends the sandbox.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace ci::sandbox
