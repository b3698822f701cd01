#pragma once
// System calls that say what they were doing.

#include <cerrno>
#include <string_view>

#include "base/failure.h"

namespace ci {

// Runs `call`, again on EINTR; throws Failure("<doing>: <errno text>") when it returns less than 0.
template <class Call>
auto sys(std::string_view doing, Call&& call) {
  for (;;) {
    if (auto result = call(); result >= 0) return result;
    if (errno != EINTR) throw Failure::from_errno(errno, doing);
  }
}

}  // namespace ci
