#pragma once

namespace ci::app {

inline constexpr const char* version = CI_VERSION;

}  // namespace ci::app
