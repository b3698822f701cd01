#pragma once
// Points in time as clients read them: ISO 8601, UTC.

#include <chrono>
#include <string>

namespace ci::api {

std::string iso_milliseconds(std::chrono::system_clock::time_point time);  // 2026-01-09T10:21:07.412Z
std::string iso_microseconds(std::chrono::system_clock::time_point time);  // 2026-01-09T10:20:55.101000+00:00

}  // namespace ci::api
