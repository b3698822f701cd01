#pragma once
// A report as JSON: everything that the tables show, and every single time. Pure.

#include <string>

#include "bench/report.h"

namespace ci::bench {

// One document, ending with a line feed.
std::string json_of(const Report& report);

}  // namespace ci::bench
