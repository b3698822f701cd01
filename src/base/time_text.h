#pragma once
// Points in time as text: ISO 8601, UTC.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace ci {

// "2026-01-09T10:20:55.101000+00:00", as Python writes it: what is stored and what full listings show.
std::string iso_time(std::chrono::system_clock::time_point time);

// "2026-01-09T10:20:55.101Z", as JavaScript writes it.
std::string iso_time_z(std::chrono::system_clock::time_point time);

// Reads both, with or without a fraction; nothing when it is neither or out of range.
std::optional<std::chrono::system_clock::time_point> parse_iso_time(std::string_view text);

}  // namespace ci
