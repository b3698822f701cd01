#pragma once
// The codes of all languages, for messages to people who named one that there is not: "py, js, ts, ...".

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "languages/language.h"

namespace ci::languages {

inline std::string all_codes() {
  std::vector<std::string_view> codes;
  for (const Language& language : all()) codes.push_back(language.code);
  std::ranges::sort(codes);
  return fmt::format("{}", fmt::join(codes, ", "));
}

}  // namespace ci::languages
