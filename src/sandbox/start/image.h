#pragma once
// The program of start/main.cc as bytes.

#include <string_view>

namespace ci::sandbox {

std::string_view sandboxd_image();

}  // namespace ci::sandbox
