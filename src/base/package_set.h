#pragma once
// Names of sets of packages: directories of an operator's that programs find what they import in, when a request or its key names one.

#include <algorithm>
#include <string_view>

namespace ci {

inline constexpr std::string_view package_set_names = "lower-case letters, digits and '-', 32 at most";

// They are names of directories, and stand in the names of kinds of sandboxes and between commas.
constexpr bool is_package_set_name(std::string_view name) {
  const auto is_allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !name.empty() && name.size() <= 32 && name.front() != '-' && std::ranges::all_of(name, is_allowed);
}

}  // namespace ci
