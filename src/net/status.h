#pragma once
// What a failure is to a client of HTTP.

#include "base/failure.h"

namespace ci::net {

// The status code: 4xx for what the client could do otherwise, 5xx for the rest.
int status_of(FailureKind kind);

}  // namespace ci::net
