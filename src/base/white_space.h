#pragma once
// The white space of Unicode in UTF-8: what Python's str.isspace() says of a character. Pure.

#include <cstddef>
#include <string_view>

namespace ci {

// Bytes of the white space character that `text` begins or ends with; 0: with none.
std::size_t white_space_at_front(std::string_view text);
std::size_t white_space_at_back(std::string_view text);

// Nothing else is in it.
bool is_blank(std::string_view text);

}  // namespace ci
