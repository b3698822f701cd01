#pragma once
// Which system calls a guest may make. Built once per process that starts guests, applied by become_guest().
//
// A list of refusals on top of namespaces, no capabilities and no_new_privs. They answer EPERM or ENOSYS, so that
// libraries fall back and programs say what they missed; calls of another architecture (32-bit, x32), which nothing
// honest makes here, kill. Socket families are an allow list. Making fifos stays possible; devices need a capability.

#include <linux/filter.h>

#include <string>
#include <vector>

namespace ci::sandbox {

class SeccompFilter {
 public:
  // Throws std::runtime_error when the library cannot build it.
  SeccompFilter();

  const sock_fprog& program() const { return program_; }
  const std::vector<sock_filter>& instructions() const { return instructions_; }

 private:
  std::vector<sock_filter> instructions_;
  sock_fprog program_{};
};

}  // namespace ci::sandbox
