#pragma once
// Published faults of the kernel that a program in a sandbox can reach, and the versions in which they are mended. A version says
// nothing of what a distribution mended in an older one: what is found here is a reason to look, not a proof. Values only.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ci::os {

struct KernelVersion {
  int major = 0, minor = 0, patch = 0;
  auto operator<=>(const KernelVersion&) const = default;
};

struct KernelFault {
  std::string_view name, part;
  KernelVersion since;  // the first that has it
  std::vector<KernelVersion>
      mended;  // the first of each series without it, in order. All series after the last are without it
};

std::span<const KernelFault> kernel_faults();

// Of a release such as "6.12.83-1-amd64". All zero when it does not begin with numbers.
KernelVersion kernel_version(std::string_view release);

bool has_fault(const KernelVersion& version, const KernelFault& fault);

// Those that a kernel of this release has unless its distribution mended them: "CVE-… (epoll, mended in 6.6.136, …)".
std::vector<std::string> faults_of(std::string_view release);

}  // namespace ci::os
