#pragma once
// What Redis servers say of themselves (INFO), for operators.

#include <vector>

#include "store/facts.h"
#include "store/redis/protocol.h"

namespace ci::store::redis {

// Of all servers together: sums, the version and the time since the start of the first. A server that may not be asked adds
// nothing but itself.
Facts facts_of(const std::vector<Reply>& replies);

}  // namespace ci::store::redis
