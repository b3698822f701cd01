#pragma once
// Writing all of something to a descriptor that blocks. Any thread.

#include <string_view>

namespace ci {

// Fails as base/sys.h does, with what was being done.
void write_all(int file, std::string_view bytes, std::string_view doing);

}  // namespace ci
