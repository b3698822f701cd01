#pragma once
// A managed key as the administration shows it, over HTTP and on the command line.

#include <boost/json.hpp>
#include <chrono>
#include <span>

#include "access/key_records.h"

namespace ci::access {

// All but the key, which nobody has.
boost::json::object describe_key(const KeyRecord& record);

// How much of each period is used up: `used` as usage_of() says it.
boost::json::object describe_usage(
    const RateLimits& limits, std::span<const std::int64_t> used, std::chrono::system_clock::time_point time);

}  // namespace ci::access
