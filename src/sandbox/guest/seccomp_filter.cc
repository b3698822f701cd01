#include "sandbox/guest/seccomp_filter.h"

#include <linux/sched.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <stdexcept>

namespace ci::sandbox {

namespace {

void must(int result, const char* what) {
  if (result != 0) throw std::runtime_error(std::string("building the system call filter: ") + what);
}

void refuse(scmp_filter_ctx context, std::uint32_t action, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;  // newer than the library: see the numbers below
    // A call that this architecture never had (umount, stime on x86-64) is -EDOM and not there to refuse.
    const int result = seccomp_rule_add(context, action, number, 0);
    if (result != -EDOM) must(result, name);
  }
}

void refuse_numbers(scmp_filter_ctx context, std::uint32_t action, std::initializer_list<int> numbers) {
  for (const int number : numbers) must(seccomp_rule_add(context, action, number, 0), "a call by number");
}

}  // namespace

SeccompFilter::SeccompFilter() {
  scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
  if (context == nullptr) throw std::runtime_error("building the system call filter: out of memory");
  struct Release {
    scmp_filter_ctx context;
    ~Release() { seccomp_release(context); }
  } release{context};

  must(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "architecture");
  must(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimising");
  constexpr std::uint32_t eperm = SCMP_ACT_ERRNO(EPERM);
  constexpr std::uint32_t enosys = SCMP_ACT_ERRNO(ENOSYS);

  // Loading kernels and modules, the clock, swap, raw ports: administration.
  refuse(
      context, eperm,
      {"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff",
       "iopl", "ioperm", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "acct", "quotactl",
       "quotactl_fd", "nfsservctl", "vhangup", "lookup_dcookie", "uselib"});
  // Mounts, namespaces, other processes' memory, keys, kernel programs and profiles. Tools probe for some of these.
  refuse(
      context, eperm,
      {"mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick",
       "mount_setattr", "setns", "unshare", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise",
       "kcmp", "pidfd_getfd", "add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd",
       "fanotify_init", "open_by_handle_at", "name_to_handle_at", "syslog", "sethostname", "setdomainname",
       "personality", "setfsuid", "setfsgid"});
  // Large surfaces that libraries use only when they are there.
  refuse(
      context, enosys,
      {"io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_secret", "vmsplice", "modify_ldt", "sysfs",
       "ustat", "remap_file_pages", "move_pages", "migrate_pages"});
  // statmount, listmount, lsm_*, mseal's neighbours and later mount calls (open_tree_attr 467) are unknown to
  // libseccomp 2.5; the numbers are the same on all architectures (asm-generic/unistd.h).
  refuse_numbers(context, enosys, {457, 458, 459, 460, 461, 467});

  // clone with namespace flags; clone3 hides its flags behind a pointer, so glibc is sent back to clone.
  constexpr std::uint64_t namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
                                       CLONE_NEWUTS | CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */;
  for (std::uint64_t flag = 1; flag <= namespaces; flag <<= 1) {
    // Only 0x80 collides with nothing: the low byte of clone's flags is the exit signal, at most 64.
    if ((flag & namespaces) == 0) continue;
    must(seccomp_rule_add(context, eperm, SCMP_SYS(clone), 1, SCMP_A0_64(SCMP_CMP_MASKED_EQ, flag, flag)), "clone");
  }
  refuse(context, enosys, {"clone3"});

  // Terminals: pushing input into one (CVE-2016-7545) and selecting on consoles (CVE-2023-1523).
  for (const std::uint64_t request : {TIOCSTI, TIOCLINUX}) {
    must(
        seccomp_rule_add(context, eperm, SCMP_SYS(ioctl), 1, SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xffffffff, request)),
        "ioctl");
  }

  // Sockets: local ones and, on the loopback-only network, TCP and UDP. Netlink only for routes, which getifaddrs(3)
  // reads. libseccomp cannot say "none of", so the gaps between the allowed families are spelled out.
  constexpr std::uint32_t no_family = SCMP_ACT_ERRNO(EAFNOSUPPORT);
  const auto refuse_family = [&](int family) {
    must(seccomp_rule_add(context, no_family, SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_EQ, family)), "socket");
    must(seccomp_rule_add(context, no_family, SCMP_SYS(socketpair), 1, SCMP_A0_32(SCMP_CMP_EQ, family)), "socketpair");
  };
  for (int family = 0; family < 64; ++family) {
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6 && family != AF_NETLINK) refuse_family(family);
  }
  must(seccomp_rule_add(context, no_family, SCMP_SYS(socket), 1, SCMP_A0_32(SCMP_CMP_GE, 64)), "socket");
  must(
      seccomp_rule_add(
          context, no_family, SCMP_SYS(socket), 2, SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2_32(SCMP_CMP_NE, 0)),
      "netlink");
  // SOCK_RAW and SOCK_PACKET need capabilities in the owning namespace, which a guest has not; refused anyway.
  for (const int type : {SOCK_RAW, SOCK_PACKET}) {
    for (const int family : {AF_INET, AF_INET6}) {
      must(
          seccomp_rule_add(
              context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 2, SCMP_A0_32(SCMP_CMP_EQ, family),
              SCMP_A1_32(SCMP_CMP_MASKED_EQ, 0xf, static_cast<std::uint32_t>(type))),
          "raw socket");
    }
  }

  // The library writes programs only to descriptors.
  const int file = ::memfd_create("filter", MFD_CLOEXEC);
  if (file < 0) throw std::runtime_error("building the system call filter: no memory file");
  const int exported = seccomp_export_bpf(context, file);
  const off_t size = ::lseek(file, 0, SEEK_END);
  if (exported == 0 && size > 0) {
    instructions_.resize(static_cast<size_t>(size) / sizeof(sock_filter));
    if (::pread(file, instructions_.data(), static_cast<size_t>(size), 0) != size) instructions_.clear();
  }
  ::close(file);
  if (instructions_.empty()) throw std::runtime_error("building the system call filter: export failed");
  program_.len = static_cast<unsigned short>(instructions_.size());
  program_.filter = instructions_.data();
}

}  // namespace ci::sandbox
