#pragma once
// Ids of traces and spans.

#include <string>

namespace ci::metrics {

// `bytes` random ones, twice as many hexadecimal digits; never all zeros.
std::string random_hex(int bytes);

}  // namespace ci::metrics
