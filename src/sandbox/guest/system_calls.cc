#include "sandbox/guest/system_calls.h"

#include <asm/ioctls.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <linux/prctl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>

namespace ci::sandbox {

namespace {

constexpr std::uint32_t all_bits = 0xffffffff;
constexpr std::uint32_t agent = 1;  // its process id in every sandbox

// What the headers of the oldest systems that we build on may lack.
constexpr std::uint32_t new_time = 0x80, duplicate_query = 1027, created_query = 1028, vma_name = 0x53564d41, mdwe = 65,
                        get_mdwe = 66, thp_disable = 41, thp_get = 42, tcp_zero_copy_receive = 35, tcp_inq = 36,
                        udp_cork = 1, netlink_level = 270, netlink_strict = 12;

Condition is(unsigned argument, std::vector<std::uint32_t> values) { return {argument, all_bits, std::move(values)}; }

// clang-format off: a table, one row after the other
const std::vector<CallGroup> groups = {
    {"its own memory", allowed,
     {"brk", "mmap", "munmap", "mprotect", "mremap", "msync", "mincore", "mlock", "mlock2", "munlock", "mlockall", "munlockall",
      "memfd_create", "membarrier", "pkey_alloc", "pkey_free", "pkey_mprotect"}},
    {"files and directories, which mounts and owners protect", allowed,
     {"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "open", "openat", "openat2",
      "creat", "close", "close_range", "dup", "dup2", "dup3", "lseek", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs",
      "fstatfs", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "mkdir", "mkdirat", "rmdir",
      "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "symlink", "symlinkat", "mknod", "mknodat", "chmod",
      "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat", "futimesat", "truncate",
      "ftruncate", "fallocate", "sync_file_range", "readahead", "copy_file_range", "sendfile", "splice", "tee",
      "umask", "getcwd", "chdir", "fchdir", "flock", "getxattr", "lgetxattr", "fgetxattr",
      "listxattr", "llistxattr", "flistxattr", "removexattr", "lremovexattr", "fremovexattr"}},
    {"processes and signals, within its own namespace", allowed,
     {"fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "kill", "tkill", "tgkill", "rt_sigaction",
      "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "rt_sigsuspend",
      "sigaltstack", "pause", "restart_syscall", "getpid", "getppid", "gettid", "getpgid", "getpgrp", "setpgid", "getsid", "setsid",
      "pidfd_open", "pidfd_send_signal", "signalfd", "signalfd4", "set_tid_address", "getrusage", "times"}},
    {"who it is; it has nothing to change that to", allowed,
     {"getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "setuid", "setgid", "setreuid", "setregid",
      "setresuid", "setresgid", "setgroups", "capget", "capset"}},
    {"threads and their processors", allowed,
     {"set_robust_list", "rseq", "arch_prctl", "getcpu", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler",
      "sched_getattr", "sched_get_priority_max", "sched_get_priority_min", "sched_rr_get_interval", "getpriority", "ioprio_get"}},
    {"time and timers", allowed,
     {"time", "gettimeofday", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "alarm", "getitimer", "setitimer",
      "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "timerfd_create", "timerfd_settime",
      "timerfd_gettime"}},
    {"waiting, and pipes", allowed,
     {"poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
      "eventfd", "eventfd2", "pipe", "pipe2"}},
    {"sockets, on a network of its own", allowed,
     {"bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername", "recvfrom", "recvmsg", "recvmmsg", "shutdown"}},
    {"System V and POSIX communication, in a namespace of its own", allowed,
     {"shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv", "msgctl", "mq_open",
      "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr"}},
    {"what kind of machine this is, chance", allowed, {"uname", "sysinfo", "getrandom", "getrlimit", "setrlimit"}},

    {"administration of the machine", EPERM,
     {"kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff", "iopl", "ioperm",
      "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "acct", "quotactl", "quotactl_fd", "vhangup", "syslog", "sethostname",
      "setdomainname", "ioprio_set"}},
    {"mounts and namespaces; tools that are refused say so", EPERM,
     {"mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
      "setns", "unshare"}},
    {"other processes' memory, keys, programs for the kernel", EPERM,
     {"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "add_key", "request_key", "keyctl",
      "bpf", "perf_event_open", "userfaultfd", "fanotify_init", "open_by_handle_at", "name_to_handle_at", "setfsuid", "setfsgid"}},
    // They would write out what the whole machine has in memory, and nothing of a sandbox is on a disk.
    {"flushing file systems; also of a file that is only read, the disk of the host has to write", 0, {"sync", "syncfs", "fsync", "fdatasync"}},
    {"attributes of files: access control lists are memory of the kernel's that no group is charged for", EOPNOTSUPP,
     {"setxattr", "lsetxattr", "fsetxattr"}},
    {"numbers that all sandboxes and their maker share: inotify instances, slots for asynchronous reading", ENOSYS,
     {"inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "io_setup", "io_submit", "io_getevents", "io_pgetevents",
      "io_cancel", "io_destroy"}},
    // Without get_mempolicy libnuma says that there are no nodes; with it alone its users find them and then complain.
    {"large surfaces that libraries use only when they are there", ENOSYS,
     {"io_uring_setup", "io_uring_enter", "io_uring_register", "seccomp", "memfd_secret", "vmsplice", "modify_ldt", "move_pages",
      "migrate_pages", "mbind", "get_mempolicy", "set_mempolicy", "set_mempolicy_home_node", "futex_waitv", "landlock_create_ruleset",
      "clone3"}},
};
// clang-format on

// The agent may be of the same user where there is only one.
CheckedCall not_of_the_agent(std::string_view call, unsigned argument) {
  return {"of other processes than the agent", call, {{{is(argument, {agent})}, EPERM}}, allowed};
}

CheckedCall without_urgent_data(std::string_view call, unsigned flags) {
  return {
      "urgent data of local sockets has had faults, and nobody uses it",
      call,
      {{{{flags, MSG_OOB, {MSG_OOB}}}, EOPNOTSUPP}},
      allowed};
}

// clang-format off: a table, one row after the other
const std::vector<CheckedCall> checked = {
    // clone3 hides its flags behind a pointer, so glibc is sent back to this one.
    // One that has another process's descriptors could leave locks on files that are nobody's in the list of them (lock_watch.h).
    {"processes and threads, but no namespaces, and descriptors are shared by threads alone", "clone",
     {{{{0, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | new_time, {0}},
        {0, CLONE_FILES | CLONE_THREAD, {0, CLONE_THREAD, CLONE_FILES | CLONE_THREAD}}},
       allowed}},
     EPERM},
    {"locks, but not those with priorities, which have had faults; C libraries can do without", "futex",
     {{{{1, static_cast<std::uint32_t>(FUTEX_CMD_MASK),
         {FUTEX_WAIT, FUTEX_WAKE, FUTEX_REQUEUE, FUTEX_CMP_REQUEUE, FUTEX_WAKE_OP, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET}}},
       allowed}},
     ENOSYS},
    {"advice on its own memory; merging with others' would tell what they hold", "madvise", {{{is(2, {MADV_MERGEABLE})}, EINVAL}}, allowed},
    {"advice on files, but not to forget those that all read", "fadvise64", {{{is(3, {POSIX_FADV_DONTNEED})}, 0}}, allowed},
    {"descriptors and locks; none that are nobody's in the list of them (lock_watch.h), no leases, which make others wait, and no "
     "watching of directories that all see", "fcntl",
     {{{is(1, {F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, 8 /* F_SETOWN */, 9, 10 /* F_SETSIG */, 11,
               15 /* F_SETOWN_EX */, 16, 1025 /* F_GETLEASE */, duplicate_query, created_query,
               F_DUPFD_CLOEXEC, 1031 /* F_SETPIPE_SZ */, 1032, 1033 /* F_ADD_SEALS */, 1034, 1035 /* F_GET_RW_HINT */, 1036, 1037, 1038})},
       allowed}},
     EINVAL},
    // The rest is for devices, which a sandbox has not, and for administrators. Pushing input into terminals (CVE-2016-7545) is of it.
    {"sizes and modes of what it has opened", "ioctl",
     {{{is(1, {TCGETS, TCSETS, TCSETSW, TCSETSF, 0x802c542a /* TCGETS2 */, TIOCGWINSZ, TIOCSWINSZ, TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCSCTTY,
               TIOCNOTTY, TIOCOUTQ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC, FIOQSIZE, 0x40049409 /* FICLONE */,
               0x4020940d /* FICLONERANGE */, 0xc020660b /* FS_IOC_FIEMAP */, 0x80086601 /* FS_IOC_GETFLAGS */,
               0x801c581f /* FS_IOC_FSGETXATTR */, 0x8905 /* SIOCATMARK */, 0x8910 /* SIOCGIFNAME */, 0x8912 /* SIOCGIFCONF */,
               0x8913 /* SIOCGIFFLAGS */, 0x8915 /* SIOCGIFADDR */, 0x8917 /* SIOCGIFDSTADDR */, 0x8919 /* SIOCGIFBRDADDR */,
               0x891b /* SIOCGIFNETMASK */, 0x891d /* SIOCGIFMETRIC */, 0x8921 /* SIOCGIFMTU */, 0x8927 /* SIOCGIFHWADDR */,
               0x8933 /* SIOCGIFINDEX */, 0x8942 /* SIOCGIFTXQLEN */, 0x8970 /* SIOCGIFMAP */, 0x80045200 /* RNDGETENTCNT */})},
       allowed}},
     ENOTTY},
    {"its own names, ends and promises", "prctl",
     {{{is(0, {PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS, PR_SET_KEEPCAPS, PR_SET_NAME,
               PR_GET_NAME, PR_GET_SECCOMP, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_GET_TSC, PR_GET_SECUREBITS, PR_SET_TIMERSLACK,
               PR_GET_TIMERSLACK, PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS,
               PR_GET_TID_ADDRESS, thp_disable, thp_get, PR_CAP_AMBIENT, 50 /* PR_SVE_SET_VL */, 51, PR_GET_SPECULATION_CTRL,
               PR_SET_SPECULATION_CTRL, 54 /* PR_PAC_RESET_KEYS */, 55 /* PR_SET_TAGGED_ADDR_CTRL */, 56, mdwe, get_mdwe, vma_name})},
       allowed}},
     EINVAL},
    {"to ask, and what it is already", "personality", {{{is(0, {0, all_bits})}, allowed}}, EPERM},
    not_of_the_agent("prlimit64", 0),
    not_of_the_agent("sched_setaffinity", 0),
    not_of_the_agent("sched_setparam", 0),
    not_of_the_agent("sched_setscheduler", 0),
    not_of_the_agent("sched_setattr", 0),
    {"of other processes than the agent", "setpriority",
     {{{is(0, {PRIO_PROCESS}), is(1, {agent})}, EPERM}, {{is(0, {PRIO_PROCESS, PRIO_PGRP})}, allowed}},
     EPERM},
    // Netlink only for routes, which getifaddrs(3) reads; the agent watches what is queued there.
    {"local sockets, TCP and UDP", "socket",
     {{{is(0, {AF_UNIX})}, allowed},
      {{is(0, {AF_INET, AF_INET6}), {1, 0xf, {SOCK_STREAM, SOCK_DGRAM}}, is(2, {0, IPPROTO_TCP, IPPROTO_UDP})}, allowed},
      {{is(0, {AF_INET, AF_INET6}), {1, 0xf, {SOCK_STREAM, SOCK_DGRAM}}}, EPROTONOSUPPORT},
      {{is(0, {AF_INET, AF_INET6})}, EPERM},
      {{is(0, {AF_NETLINK}), {1, 0xf, {SOCK_RAW, SOCK_DGRAM}}, is(2, {NETLINK_ROUTE})}, allowed}},
     EAFNOSUPPORT},
    {"local sockets", "socketpair", {{{is(0, {AF_UNIX})}, allowed}}, EAFNOSUPPORT},
    // Filters take memory of the kernel's own that no sandbox is charged for; labels of flows, other families' sockets made of these,
    // protocols above and beside TCP and UDP have had faults.
    {"options of sockets that programs and libraries set", "setsockopt",
     {{{is(1, {SOL_SOCKET}), is(2, {SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE, SO_PRIORITY,
                                    SO_LINGER, SO_REUSEPORT, SO_PASSCRED, SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_DETACH_FILTER, SO_TIMESTAMP,
                                    SO_TIMESTAMPNS, SO_INCOMING_CPU, 63 /* SO_TIMESTAMP_NEW */, 64, 66 /* SO_RCVTIMEO_NEW */, 67})},
       allowed},
      {{is(1, {IPPROTO_IP}), is(2, {IP_TOS, IP_TTL, IP_RECVOPTS, IP_RETOPTS, IP_PKTINFO, IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL, IP_RECVTOS,
                                    IP_FREEBIND, IP_BIND_ADDRESS_NO_PORT, IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_MULTICAST_LOOP,
                                    IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP, IP_MULTICAST_ALL})},
       allowed},
      {{is(1, {IPPROTO_IPV6}), is(2, {IPV6_UNICAST_HOPS, IPV6_MULTICAST_IF, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_JOIN_GROUP,
                                      IPV6_LEAVE_GROUP, IPV6_MTU_DISCOVER, IPV6_MTU, IPV6_RECVERR, IPV6_V6ONLY, IPV6_RECVPKTINFO,
                                      IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_DONTFRAG, IPV6_RECVTCLASS, IPV6_TCLASS})},
       allowed},
      {{is(1, {IPPROTO_TCP}), is(2, {TCP_NODELAY, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2,
                                     TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_QUICKACK, TCP_CONGESTION, TCP_USER_TIMEOUT, TCP_FASTOPEN,
                                     TCP_NOTSENT_LOWAT, TCP_FASTOPEN_CONNECT, tcp_inq})},
       allowed},
      {{is(1, {IPPROTO_UDP}), is(2, {udp_cork})}, allowed},
      {{is(1, {netlink_level}), is(2, {NETLINK_ADD_MEMBERSHIP, NETLINK_DROP_MEMBERSHIP, NETLINK_PKTINFO, NETLINK_NO_ENOBUFS, NETLINK_EXT_ACK,
                                       netlink_strict})},
       allowed}},
     ENOPROTOOPT},
    {"options of sockets, but not to have what came mapped into memory", "getsockopt",
     {{{is(1, {IPPROTO_TCP}), is(2, {tcp_zero_copy_receive})}, ENOPROTOOPT}}, allowed},
    without_urgent_data("sendto", 3),
    without_urgent_data("sendmsg", 2),
    without_urgent_data("sendmmsg", 3),
};
// clang-format on

}  // namespace

std::span<const CallGroup> call_groups() { return groups; }
std::span<const CheckedCall> checked_calls() { return checked; }

}  // namespace ci::sandbox
