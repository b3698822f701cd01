#pragma once
// Precompiled standard headers of C++, prepared by runtimes/cpp/prepare.py: which of them a source may have.
//
// A precompiled header stands in front of a source. That changes nothing as long as all that it holds is what the source
// itself includes before anything else: the standard's headers may be included in any order and more than once. So a
// set of headers fits when the source begins with includes that bring each of its members, be it by way of another.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci::sandbox {

inline constexpr const char* header_directory = "/runtimes/cpp";

// "vector", "iostream": what a source includes with <> before its first other line; comments and blank lines do not
// count. Ends where anything is unusual.
std::vector<std::string_view> leading_includes(std::string_view source);

// The prepared header to put in front of `source`: of the sets that fit, the first in the list, which begins with those
// that save most. Nothing when none fits or what it was made of has changed since.
std::optional<std::string> prepared_headers(const std::filesystem::path& directory, std::string_view source);

}  // namespace ci::sandbox
