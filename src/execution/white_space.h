#pragma once
// White space of any script in UTF-8: what Python's str.isspace() says of a character, which is what ICU's u_isspace() says. Pure.

#include <cstddef>
#include <string_view>

namespace ci::execution {

// Bytes of the white space character that `text` ends with; 0: with none.
std::size_t white_space_at_back(std::string_view text);

// Nothing else is in it.
bool is_blank(std::string_view text);

}  // namespace ci::execution
