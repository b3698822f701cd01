#pragma once
// The Server-Timing header of an answer: how long each step took on the server. A pure function.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ci::bench {

// The server's names: all of its work on a request, and the start of names that are part of another step.
inline constexpr std::string_view total_step = "total";
inline constexpr std::string_view inner_step = "sandbox_";

// `acquire;dur=0.41, "run";desc="the program";dur=12` as names and milliseconds, in order. Entries without a
// duration or that cannot be read are left out. A description, when there is one, is the name.
std::vector<std::pair<std::string, double>> parse_server_timing(std::string_view header);

}  // namespace ci::bench
