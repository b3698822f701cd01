#pragma once
// The table of system_calls.h as a program for the kernel (seccomp(2)). Built once per process that starts guests, applied by
// become_guest().
//
// Calls of another architecture (32-bit, x32), which nothing honest makes here, end the process: their numbers mean other calls.

#include <linux/audit.h>
#include <linux/filter.h>

#include <cstdint>
#include <vector>

namespace ci::sandbox {

#if defined(__x86_64__)
inline constexpr std::uint32_t this_processor = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
inline constexpr std::uint32_t this_processor = AUDIT_ARCH_AARCH64;
#endif

// `one`: what it forks stays in its session and process group, so that these are all of a sandbox (sandbox/isolation.h); setsid(2) and
// setpgid(2) say that they have done it.
enum class Sessions { any, one };

class SeccompFilter {
 public:
  // Throws std::runtime_error when the table cannot be a program. `processor`: AUDIT_ARCH_…, another one only to look at it.
  explicit SeccompFilter(std::uint32_t processor = this_processor, Sessions sessions = Sessions::any);

  const sock_fprog& program() const { return program_; }
  const std::vector<sock_filter>& instructions() const { return instructions_; }

 private:
  std::vector<sock_filter> instructions_;
  sock_fprog program_{};
};

}  // namespace ci::sandbox
