#pragma once
// Which release this is. Every program of ours is of the same.

#include <string_view>

namespace ci {

// "1.2.3".
std::string_view version();

}  // namespace ci
