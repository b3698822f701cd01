#pragma once
// What commands answer to --json.

#include <fmt/format.h>

#include <boost/json.hpp>

namespace ci::app {

// In one line.
inline void print_json(const boost::json::value& value) { fmt::print("{}\n", boost::json::serialize(value)); }

}  // namespace ci::app
