#include "execution/text.h"

#include <algorithm>

namespace ci::execution {

Character first_character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true, false};

  std::size_t length = 0;
  unsigned char lowest = 0x80, highest = 0xbf;  // of the second byte: no overlong forms, no surrogates
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) lowest = 0xa0;
    if (lead == 0xed) highest = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) lowest = 0x90;
    if (lead == 0xf4) highest = 0x8f;
  } else {
    return {1, false, false};
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, false, true};
    if (byte(i) < lowest || byte(i) > highest) return {i, false, false};
    lowest = 0x80;
    highest = 0xbf;
  }
  return {length, true, false};
}

std::string repaired(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character next = first_character(text);
    result += next.valid ? text.substr(0, next.length) : replacement_character;
    text.remove_prefix(next.length);
  }
  return result;
}

std::size_t unfinished_tail(std::string_view text) {
  for (std::size_t size = 1; size <= std::min<std::size_t>(3, text.size()); ++size) {
    const std::string_view tail = text.substr(text.size() - size);
    if ((static_cast<unsigned char>(tail[0]) & 0xc0) == 0x80) continue;  // not a lead byte
    const Character last = first_character(tail);
    return last.unfinished && last.length == size ? size : 0;
  }
  return 0;
}

}  // namespace ci::execution
