#include "execution/white_space.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace ci::execution {

std::size_t white_space_at_back(std::string_view text) {
  text.remove_prefix(text.size() - std::min<std::size_t>(text.size(), U8_MAX_LENGTH));
  if (text.empty()) return 0;
  const auto size = static_cast<std::int32_t>(text.size());
  std::int32_t begin = size;
  UChar32 c;
  U8_PREV(reinterpret_cast<const std::uint8_t*>(text.data()), 0, begin, c);
  return c >= 0 && ::u_isspace(c) ? static_cast<std::size_t>(size - begin) : 0;
}

bool is_blank(std::string_view text) {
  while (!text.empty()) {
    const Character next = first_character(text);
    if (!next.valid || !::u_isspace(static_cast<UChar32>(next.code_point))) return false;
    text.remove_prefix(next.length);
  }
  return true;
}

}  // namespace ci::execution
