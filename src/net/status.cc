#include "net/status.h"

namespace ci::net {

int status_of(FailureKind kind) {
  switch (kind) {
    case FailureKind::invalid:
      return 400;
    case FailureKind::not_found:
      return 404;
    case FailureKind::exhausted:
      return 413;
    case FailureKind::unavailable:
      return 503;
    case FailureKind::timeout:
      return 504;
    case FailureKind::internal:
      return 500;
  }
  return 500;
}

}  // namespace ci::net
