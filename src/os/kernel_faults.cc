#include "os/kernel_faults.h"

#include <algorithm>
#include <charconv>

namespace ci::os {

namespace {

// From the kernel's own announcements (lore.kernel.org/linux-cve-announce). Only what the system call filter lets a program reach.
const std::vector<KernelFault> faults = {
    {"CVE-2026-43074", "epoll", {6, 4, 1}, {{6, 6, 136}, {6, 12, 83}, {6, 18, 24}, {6, 19, 14}}},
    {"CVE-2026-23394", "local sockets", {6, 10, 0}, {{6, 18, 23}, {6, 19, 10}}},
};

std::string text_of(const KernelVersion& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
}

bool same_series(const KernelVersion& left, const KernelVersion& right) {
  return left.major == right.major && left.minor == right.minor;
}

}  // namespace

std::span<const KernelFault> kernel_faults() { return faults; }

KernelVersion kernel_version(std::string_view release) {
  KernelVersion version;
  for (int* const number : {&version.major, &version.minor, &version.patch}) {
    const char* const end = release.data() + release.size();
    const auto [rest, error] = std::from_chars(release.data(), end, *number);
    if (error != std::errc()) break;
    release = std::string_view(rest, end);
    if (!release.starts_with('.')) break;
    release.remove_prefix(1);
  }
  return version;
}

bool has_fault(const KernelVersion& version, const KernelFault& fault) {
  if (version < fault.since) return false;
  for (const KernelVersion& mended : fault.mended) {
    if (same_series(version, mended)) return version < mended;
  }
  return version < fault.mended.back();
}

std::vector<std::string> faults_of(std::string_view release) {
  std::vector<std::string> found;
  for (const KernelFault& fault : faults) {
    if (!has_fault(kernel_version(release), fault)) continue;
    std::string text = std::string(fault.name) + " (" + std::string(fault.part) + ", mended in ";
    for (const KernelVersion& mended : fault.mended) text += (text.ends_with(' ') ? "" : ", ") + text_of(mended);
    found.push_back(text + ")");
  }
  return found;
}

}  // namespace ci::os
