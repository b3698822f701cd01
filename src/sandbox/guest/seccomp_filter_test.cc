// The filter evaluated here, in place of the kernel, for calls that nobody makes: every number of both processor families.
#include "sandbox/guest/seccomp_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sandbox/guest/system_calls.h"

namespace ci::sandbox {
namespace {

constexpr std::uint32_t past_the_last = 1024;
constexpr std::array families = {
    std::pair<std::uint32_t, std::uint32_t>{AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64},
    std::pair<std::uint32_t, std::uint32_t>{AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64}};

// What the kernel would do (Documentation/networking/filter.rst).
std::uint32_t evaluate(const SeccompFilter& filter, const seccomp_data& call) {
  const auto& program = filter.instructions();
  std::uint32_t accumulator = 0;
  for (size_t at = 0; at < program.size(); ++at) {
    const sock_filter& step = program[at];
    const auto jump = [&](bool taken) { at += taken ? step.jt : step.jf; };
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        EXPECT_LE(step.k + sizeof accumulator, sizeof call);
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + step.k, sizeof accumulator);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= step.k;
        break;
      case BPF_JMP | BPF_JA:
        at += step.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(accumulator == step.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(accumulator >= step.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((accumulator & step.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        ADD_FAILURE() << "an instruction that the filter should not have: " << step.code;
        return 0;
    }
  }
  ADD_FAILURE() << "the program has no end";
  return 0;
}

std::uint32_t error(int number) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number); }

struct Family {
  std::uint32_t processor, library;
  SeccompFilter filter{processor};

  std::uint32_t answer(std::uint32_t number, std::initializer_list<std::uint64_t> arguments = {}) const {
    seccomp_data call{};
    call.nr = static_cast<int>(number);
    call.arch = processor;
    std::ranges::copy(arguments, call.args);
    return evaluate(filter, call);
  }
  std::uint32_t answer(const char* name, std::initializer_list<std::uint64_t> arguments = {}) const {
    const int number = seccomp_syscall_resolve_name_arch(library, name);
    EXPECT_GE(number, 0) << name;
    return answer(static_cast<std::uint32_t>(number), arguments);
  }
};

class SeccompFilterOf : public testing::TestWithParam<std::pair<std::uint32_t, std::uint32_t>> {
 protected:
  const Family family{GetParam().first, GetParam().second};
};

INSTANTIATE_TEST_SUITE_P(Families, SeccompFilterOf, testing::ValuesIn(families));

TEST_P(SeccompFilterOf, AnswersEveryNumberAsTheTableSays) {
  std::map<std::string, Answer, std::less<>> plain;
  std::set<std::string, std::less<>> checked;
  for (const CallGroup& group : call_groups()) {
    for (const std::string_view name : group.calls) plain.emplace(name, group.answer);
  }
  for (const CheckedCall& call : checked_calls()) checked.emplace(call.call);
  int permitted = 0;
  for (std::uint32_t number = 0; number < past_the_last; ++number) {
    char* const text = seccomp_syscall_resolve_num_arch(family.library, static_cast<int>(number));
    const std::string name = text != nullptr ? text : number == 452 ? "fchmodat2" : "";
    ::free(text);
    const std::uint32_t answer = family.answer(number);
    if (checked.contains(name)) continue;  // tests of their own
    const auto entry = plain.find(name);
    const Answer wanted = entry == plain.end() ? ENOSYS : entry->second;
    EXPECT_EQ(answer, wanted == allowed ? SECCOMP_RET_ALLOW : error(wanted)) << number << " " << name;
    permitted += answer == SECCOMP_RET_ALLOW ? 1 : 0;
  }
  EXPECT_GT(permitted, 150);
  EXPECT_LT(permitted, 260);
}

TEST_P(SeccompFilterOf, RefusesNumbersThatNoKernelHasYet) {
  for (const std::uint32_t number : {470u, 500u, 1023u, 0x3fffffffu})
    EXPECT_EQ(family.answer(number), error(ENOSYS)) << number;
}

TEST_P(SeccompFilterOf, EndsCallsOfOtherArchitectures) {
  for (const std::uint32_t other :
       std::initializer_list<std::uint32_t>{AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64}) {
    if (other == family.processor) continue;
    seccomp_data call{};
    call.arch = other;
    EXPECT_EQ(evaluate(family.filter, call), SECCOMP_RET_KILL_PROCESS);
  }
  const std::uint32_t x32 = family.answer(0x40000000u | 39);
  EXPECT_EQ(x32, family.processor == AUDIT_ARCH_X86_64 ? SECCOMP_RET_KILL_PROCESS : error(ENOSYS));
}

TEST_P(SeccompFilterOf, NamesOnlyCallsThatExist) {
  for (const CallGroup& group : call_groups()) {
    EXPECT_FALSE(group.reason.empty());
    for (const std::string_view name : group.calls) {
      const bool known = seccomp_syscall_resolve_name(std::string(name).c_str()) != __NR_SCMP_ERROR ||
                         name == "fchmodat2" || name == "set_mempolicy_home_node";
      EXPECT_TRUE(known) << name;
    }
  }
}

TEST_P(SeccompFilterOf, MakesProcessesButNoNamespaces) {
  EXPECT_EQ(family.answer("clone", {SIGCHLD}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(
      family.answer(
          "clone", {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS}),
      SECCOMP_RET_ALLOW);
  for (const std::uint64_t flag :
       {CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP, 0x80}) {
    EXPECT_EQ(family.answer("clone", {flag | SIGCHLD}), error(EPERM)) << flag;
  }
  EXPECT_EQ(family.answer("clone", {CLONE_VM | CLONE_VFORK | SIGCHLD}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(family.answer("clone", {CLONE_FILES | SIGCHLD}), error(EPERM));
  EXPECT_EQ(family.answer("clone3"), error(ENOSYS));
  EXPECT_EQ(family.answer("unshare"), error(EPERM));
}

TEST_P(SeccompFilterOf, KnowsThreeFamiliesOfSockets) {
  for (std::uint64_t number = 0; number < 100; ++number) {
    const bool known = number == AF_UNIX || number == AF_INET || number == AF_INET6;
    EXPECT_EQ(
        family.answer("socket", {number, SOCK_STREAM | SOCK_CLOEXEC, 0}),
        known ? SECCOMP_RET_ALLOW : error(EAFNOSUPPORT))
        << number;
    EXPECT_EQ(
        family.answer("socketpair", {number, SOCK_STREAM, 0}),
        number == AF_UNIX ? SECCOMP_RET_ALLOW : error(EAFNOSUPPORT))
        << number;
  }
  EXPECT_EQ(family.answer("socket", {AF_INET, SOCK_RAW, 1}), error(EPERM));
  EXPECT_EQ(family.answer("socket", {AF_INET, SOCK_STREAM, 132 /* SCTP */}), error(EPROTONOSUPPORT));
  EXPECT_EQ(family.answer("socket", {AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0}), SECCOMP_RET_ALLOW);
  for (std::uint64_t protocol = 1; protocol < 32; ++protocol) {
    EXPECT_EQ(family.answer("socket", {AF_NETLINK, SOCK_RAW, protocol}), error(EAFNOSUPPORT));
  }
}

TEST_P(SeccompFilterOf, AttachesNoFilters) {
  for (const std::uint64_t option : {26, 50, 51, 52})
    EXPECT_EQ(family.answer("setsockopt", {3, SOL_SOCKET, option}), error(ENOPROTOOPT));
  EXPECT_EQ(family.answer("setsockopt", {3, SOL_SOCKET, SO_REUSEADDR}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(family.answer("setsockopt", {3, 6, 1 /* TCP_NODELAY */}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(family.answer("setsockopt", {3, 282 /* SOL_TLS */, 1}), error(ENOPROTOOPT));
  EXPECT_EQ(family.answer("seccomp", {1}), error(ENOSYS));
  EXPECT_EQ(family.answer("prctl", {22 /* PR_SET_SECCOMP */}), error(EINVAL));
}

TEST_P(SeccompFilterOf, SetsOnlyOptionsOfSocketsThatSomebodyLookedAt) {
  struct Option {
    std::uint64_t level, name;
  };
  for (const auto& [level, name] : std::initializer_list<Option>{
           {SOL_SOCKET, SO_LINGER}, {SOL_SOCKET, SO_RCVTIMEO}, {0, 10}, {0, 35}, {41, 26}, {6, 18}}) {
    EXPECT_EQ(family.answer("setsockopt", {3, level, name}), SECCOMP_RET_ALLOW) << level << " " << name;
  }
  // Flow labels, other addresses, memory of devices, upper protocols, repair, tunnels, firewalls, and what nobody knows yet.
  for (const auto& [level, name] : std::initializer_list<Option>{
           {41, 32},
           {41, 1},
           {SOL_SOCKET, SO_ZEROCOPY},
           {6, 31},
           {6, 19},
           {17, 100},
           {0, 64},
           {41, 64},
           {SOL_SOCKET, 900},
           {6, 900},
           {132, 1}}) {
    EXPECT_EQ(family.answer("setsockopt", {3, level, name}), error(ENOPROTOOPT)) << level << " " << name;
  }
  EXPECT_EQ(family.answer("getsockopt", {3, SOL_SOCKET, SO_ERROR}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(family.answer("getsockopt", {3, 6, 35 /* TCP_ZEROCOPY_RECEIVE */}), error(ENOPROTOOPT));
}

TEST_P(SeccompFilterOf, LeavesTheAgentAlone) {
  for (const char* call : {"prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setattr", "sched_setparam"}) {
    EXPECT_EQ(family.answer(call, {1}), error(EPERM)) << call;
    EXPECT_EQ(family.answer(call, {0}), SECCOMP_RET_ALLOW) << call;
    EXPECT_EQ(family.answer(call, {2}), SECCOMP_RET_ALLOW) << call;
  }
  EXPECT_EQ(family.answer("setpriority", {0, 1, 19}), error(EPERM));
  EXPECT_EQ(family.answer("setpriority", {0, 0, 19}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(family.answer("setpriority", {2, 0, 19}), error(EPERM));
}

TEST_P(SeccompFilterOf, HasLocksWithoutPriorities) {
  for (const std::uint64_t op : {0, 1, 3, 4, 5, 9, 10})
    EXPECT_EQ(family.answer("futex", {0, op | 128}), SECCOMP_RET_ALLOW) << op;
  for (const std::uint64_t op : {2, 6, 7, 8, 11, 12, 13, 14})
    EXPECT_EQ(family.answer("futex", {0, op | 128}), error(ENOSYS)) << op;
}

TEST_P(SeccompFilterOf, LooksAtTheLowHalfOfArgumentsOnly) {
  constexpr std::uint64_t high = 0x5a5a5a5a00000000;
  EXPECT_EQ(family.answer("fcntl", {3, high | 1024 /* F_SETLEASE */}), error(EINVAL));
  EXPECT_EQ(family.answer("fcntl", {3, high | 1026 /* F_NOTIFY */}), error(EINVAL));
  for (const std::uint64_t of_open_file : {36, 37, 38})
    EXPECT_EQ(family.answer("fcntl", {3, high | of_open_file}), error(EINVAL)) << of_open_file;
  EXPECT_EQ(family.answer("fcntl", {3, high | F_SETLK}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(family.answer("ioctl", {0, high | 0x5412 /* TIOCSTI */}), error(ENOTTY));
  EXPECT_EQ(family.answer("ioctl", {0, 0x541c /* TIOCLINUX */}), error(ENOTTY));
  EXPECT_EQ(family.answer("ioctl", {0, high | 0x541b /* FIONREAD */}), SECCOMP_RET_ALLOW);
}

TEST_P(SeccompFilterOf, SaysDoneWithoutDoing) {
  for (const char* call : {"sync", "syncfs", "fsync", "fdatasync"}) EXPECT_EQ(family.answer(call), error(0)) << call;
  EXPECT_EQ(family.answer("setxattr"), error(EOPNOTSUPP));
  EXPECT_EQ(family.answer("fadvise64", {3, 0, 0, 4 /* POSIX_FADV_DONTNEED */}), error(0));
  EXPECT_EQ(family.answer("fadvise64", {3, 0, 0, 2}), SECCOMP_RET_ALLOW);
}

}  // namespace
}  // namespace ci::sandbox
