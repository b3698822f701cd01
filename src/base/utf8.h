#pragma once
// UTF-8: what is well-formed, and well-formed text out of anything. By ICU's macros, which need no library. Pure.

#include <cstddef>
#include <string>
#include <string_view>

namespace ci {

// Whether `bytes` is well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);

// The first character of `text`, which is not empty, and how many bytes it takes. Bad bytes are taken as Unicode recommends for
// U+FFFD: as many as could have begun a character.
struct Character {
  std::size_t length;
  bool valid;
  char32_t code_point;  // U+FFFD when it is not valid
};
Character first_character(std::string_view text);

// Bad bytes become U+FFFD.
std::string repaired(std::string_view text);

// How many bytes at the end are a character that has only begun.
std::size_t unfinished_tail(std::string_view text);

// `c` is a code point that UTF-8 can have.
void append_utf8(std::string& text, char32_t c);
std::size_t utf8_size(char32_t c);

}  // namespace ci
