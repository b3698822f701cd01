#include "base/utf8.h"

#include <unicode/utf8.h>

#include <algorithm>
#include <cstdint>

namespace ci {

namespace {

constexpr char32_t replacement = 0xfffd;
constexpr std::string_view replacement_character = "\xef\xbf\xbd";

const std::uint8_t* bytes_of(std::string_view text) { return reinterpret_cast<const std::uint8_t*>(text.data()); }

}  // namespace

Character first_character(std::string_view text) {
  const auto size = static_cast<std::int32_t>(std::min<std::size_t>(text.size(), U8_MAX_LENGTH));
  std::int32_t length = 0;
  UChar32 c;
  U8_NEXT(bytes_of(text), length, size, c);
  return {static_cast<std::size_t>(length), c >= 0, c >= 0 ? static_cast<char32_t>(c) : replacement};
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const Character next = first_character(bytes);
    if (!next.valid) return false;
    bytes.remove_prefix(next.length);
  }
  return true;
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
  text.remove_prefix(text.size() - std::min<std::size_t>(text.size(), U8_MAX_LENGTH));
  auto length = static_cast<std::int32_t>(text.size());
  U8_TRUNCATE_IF_INCOMPLETE(bytes_of(text), 0, length);
  return text.size() - static_cast<std::size_t>(length);
}

void append_utf8(std::string& text, char32_t c) {
  std::uint8_t bytes[U8_MAX_LENGTH];
  std::int32_t length = 0;
  U8_APPEND_UNSAFE(bytes, length, c);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

std::size_t utf8_size(char32_t c) { return U8_LENGTH(c); }

}  // namespace ci
