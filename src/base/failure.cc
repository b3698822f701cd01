#include "base/failure.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ci {

namespace {

FailureKind kind_of(int error) {
  switch (error) {
    case ENOENT:
      return FailureKind::not_found;
    case ETIMEDOUT:
      return FailureKind::timeout;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
    case EAGAIN:
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return FailureKind::unavailable;
    default:
      return FailureKind::internal;
  }
}

}  // namespace

Failure Failure::from_errno(int error, std::string_view doing) {
  return Failure(kind_of(error), std::string(doing) + ": " + std::strerror(error));
}

void check_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: CHECK(%s) failed\n", file, line, expression);
  std::abort();
}

}  // namespace ci
