#pragma once
// Precompiled standard headers of C++, prepared by runtimes/cpp/prepare.py: which of them a source may have.
//
// A precompiled header stands in front of a source. That changes nothing as long as all that it holds is what the source
// itself includes before anything else: the standard's headers may be included in any order and more than once. So a
// set of headers fits when the source begins with includes that bring each of its members, be it by way of another.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ci::sandbox {

// Made while the server ran, and with it.
inline constexpr const char* header_directories[] = {"/prepared/cpp", "/runtimes/cpp"};

// "vector", "iostream": what a source includes with <> before its first other line; comments and blank lines do not
// count. Ends where anything is unusual.
std::vector<std::string_view> leading_includes(std::string_view source);

// The prepared header to put in front of `source`: of the sets that fit, the first in the list, which begins with those
// that save most. Nothing when none fits or what it was made of has changed since.
std::optional<std::string> prepared_headers(const std::filesystem::path& directory, std::string_view source);
// The same, of the first of header_directories that has one.
std::optional<std::string> prepared_headers(std::string_view source);

// Whether every file that a manifest names, with its size and time of change before it on a line, is as it says. The compiler
// checks that it is itself the one that made a precompiled header, but not what it was made of. False without a manifest. `place` says
// where a file is that is called so in the manifest, empty: nowhere; without it all are where they are called.
using PlaceOfFile = std::function<std::filesystem::path(const std::filesystem::path&)>;
bool files_are_unchanged(const std::filesystem::path& manifest, const PlaceOfFile& place = {});

}  // namespace ci::sandbox
