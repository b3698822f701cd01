#pragma once
// Well-formed UTF-8 out of anything.

#include <cstddef>
#include <string>
#include <string_view>

namespace ci::execution {

// The first character of `text`, which is not empty: how many bytes it takes and whether they are one. Bad bytes
// are taken as Unicode recommends for U+FFFD: as many as could have begun a character.
struct Character {
  std::size_t length;
  bool valid;
  bool unfinished;  // not valid only because `text` ends here
};
Character first_character(std::string_view text);

// Bad bytes become U+FFFD.
std::string repaired(std::string_view text);

// How many bytes at the end are a character that has only begun.
std::size_t unfinished_tail(std::string_view text);

inline constexpr std::string_view replacement_character = "\xef\xbf\xbd";

}  // namespace ci::execution
