#include "sandbox/guest/guest.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <initializer_list>

namespace ci::sandbox {

namespace {

bool set_limit(__rlimit_resource resource, std::uint64_t value) {
  const rlimit limit{value, value};
  return ::setrlimit(resource, &limit) == 0;
}

bool drop_capabilities(bool contained) {
  for (int capability = 0; capability <= 63; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      if (errno == EINVAL) break;              // past the last one this kernel knows
      if (errno == EPERM && contained) break;  // we have none, and no_new_privs keeps it so
      return false;
    }
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return false;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2] = {};
  return ::syscall(SYS_capset, &header, none) == 0;
}

// With Landlock, where the kernel has it: nothing outside of these can be written to, nor get signals. Calls by their numbers, since
// the C library has no names for them.
const char* stay_inside() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return nullptr;
  struct {
    std::uint64_t files, network, scoped;
  } rules{};
  rules.files = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                LANDLOCK_ACCESS_FS_MAKE_SYM;
  if (version >= 2) rules.files |= 1ull << 13;  // REFER
  if (version >= 3) rules.files |= 1ull << 14;  // TRUNCATE
  if (version >= 6) rules.scoped = 3;           // abstract sockets, signals
  const std::size_t size = version >= 6 ? sizeof rules : version >= 4 ? 16 : 8;
  const long set = ::syscall(SYS_landlock_create_ruleset, &rules, size, 0);
  if (set < 0) return "planning Landlock";
  for (const char* path : {workspace, "/tmp", "/dev/shm", "/dev/null", "/dev/zero", "/dev/full", "/dev/tty"}) {
    const int folder = ::open(path, O_PATH | O_CLOEXEC);
    if (folder < 0) continue;
    struct stat info{};
    ::fstat(folder, &info);
    landlock_path_beneath_attr rule{};
    rule.allowed_access =
        S_ISDIR(info.st_mode) ? rules.files : rules.files & (LANDLOCK_ACCESS_FS_WRITE_FILE | 1ull << 14);
    rule.parent_fd = folder;
    const long added = ::syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    ::close(folder);
    if (added != 0) return "planning Landlock";
  }
  const long done = ::syscall(SYS_landlock_restrict_self, set, 0);
  ::close(static_cast<int>(set));
  return done == 0 ? nullptr : "applying Landlock";
}

}  // namespace

const char* join_cgroups(const int* descriptors, int count) {
  for (int i = 0; i < count; ++i) {
    if (::write(descriptors[i], "0", 1) != 1) return "joining the cgroup";
  }
  if (::unshare(CLONE_NEWCGROUP) != 0) return "making a cgroup namespace";
  return nullptr;
}

void take_input() {
  struct stat info{};
  if (::fstat(STDIN_FILENO, &info) == 0 && S_ISFIFO(info.st_mode)) return;
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0) return;
  if (null == STDIN_FILENO) {
    ::fcntl(null, F_SETFD, 0);
    return;
  }
  ::dup2(null, STDIN_FILENO);
  ::close(null);
}

const char* become_guest(const GuestLimits& limits, const sock_fprog& filter) {
  if (::setsid() < 0 && errno != EPERM) return "starting a session";
  // The kernel prefers this process when memory is short anywhere. Raising needs no privilege.
  if (const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    [[maybe_unused]] const ssize_t ignored = ::write(fd, "1000", 4);
    ::close(fd);
  }
  ::umask(022);
  if (!set_limit(RLIMIT_CORE, 0)) return "limiting core dumps";
  if (!set_limit(RLIMIT_NOFILE, limits.open_files)) return "limiting open files";
  // 8 MiB of locked memory and 1,000 pending signals are what distributions ship.
  set_limit(RLIMIT_MEMLOCK, 8 << 20);
  set_limit(RLIMIT_MSGQUEUE, limits.queue_bytes);
  set_limit(RLIMIT_SIGPENDING, 1000);
  set_limit(RLIMIT_RTPRIO, 0);
  set_limit(RLIMIT_NICE, 0);
  if (limits.file_bytes != 0 && !set_limit(RLIMIT_FSIZE, limits.file_bytes)) return "limiting file size";
  if (limits.address_space_bytes != 0 && !set_limit(RLIMIT_AS, limits.address_space_bytes)) return "limiting memory";
  if (limits.processes != 0 && !set_limit(RLIMIT_NPROC, limits.processes)) return "limiting processes";
  // Where only one uid is mapped the caller is already the guest's uid and setgroups is denied: the id calls are
  // then no-ops, and what remains of privilege are capabilities.
  if (!limits.contained) {
    if (::setgroups(0, nullptr) != 0 && errno != EPERM) return "dropping groups";
    if (::setresgid(guest_id, guest_id, guest_id) != 0) return "changing the group";
    if (::syscall(SYS_setresuid, guest_id, guest_id, guest_id) != 0) return "changing the user";
  }
  if (!drop_capabilities(limits.contained)) return "dropping capabilities";
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "setting no_new_privs";
  if (limits.contained) {
    if (const char* wrong = stay_inside()) return wrong;
  }
  // Dumpable again (changing the user cleared it), so that a program may read its own /proc/self.
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return "setting dumpable";
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0) return "installing the system call filter";
  return nullptr;
}

}  // namespace ci::sandbox
