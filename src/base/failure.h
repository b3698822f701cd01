#pragma once
// What our machinery could not do. Guest behaviour is never a Failure: it is an Outcome (sandbox/outcome.h).
// Logic does not catch; the request boundary, background loops, forked children and main do.

#include <stdexcept>
#include <string>
#include <string_view>

namespace ci {

enum class FailureKind {
  invalid,      // the caller sent something we cannot accept
  not_found,    // it does not exist, or not for this caller
  exhausted,    // over a limit that the operator set
  unavailable,  // a peer, the kernel or the pool cannot do it now; trying again may help
  timeout,      // the deadline passed
  internal,     // anything else
};

class Failure : public std::runtime_error {
 public:
  Failure(FailureKind kind, const std::string& what) : std::runtime_error(what), kind_(kind) {}

  // "<doing>: <text of the errno>"; the kind follows from the errno (ENOSPC and EMFILE are `unavailable`: nobody set a limit).
  static Failure from_errno(int error, std::string_view doing);

  FailureKind kind() const { return kind_; }

 private:
  FailureKind kind_;
};

// Aborts with the place and the expression, in release builds too: what failed is a bug of ours.
#define CHECK(condition) ((condition) ? static_cast<void>(0) : ::ci::check_failed(#condition, __FILE__, __LINE__))

[[noreturn]] void check_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace ci
