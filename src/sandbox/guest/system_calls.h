#pragma once
// Which system calls a guest may make, as a table: what is not in it answers ENOSYS, as on a kernel that does not know the call,
// so that programs fall back, and calls that kernels learn later are closed until somebody looked at them.
// Names are libseccomp's; those that a processor family does not have are passed over.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ci::sandbox {

// What a call answers: an error, 0 for "done" without doing anything, or the kernel's own answer.
using Answer = int;
inline constexpr Answer allowed = -1;

struct CallGroup {
  std::string_view reason;
  Answer answer;
  std::vector<std::string_view> calls;
};

// The low half of an argument, masked, is one of these.
struct Condition {
  unsigned argument;  // from 0
  std::uint32_t mask;
  std::vector<std::uint32_t> values;
};

struct Rule {
  std::vector<Condition> all;  // of them must hold
  Answer answer;
};

// The first rule that holds decides.
struct CheckedCall {
  std::string_view reason;
  std::string_view call;
  std::vector<Rule> rules;
  Answer otherwise;
};

std::span<const CallGroup> call_groups();
std::span<const CheckedCall> checked_calls();

}  // namespace ci::sandbox
