#pragma once
// `kubecoderun libraries`: what programs find beside the library of their language, on a terminal or as GET /libraries says it.

#include <string>

namespace ci::app {

// `language`: a code or another name of one; empty: all. Returns the exit status.
int list_libraries(const std::string& language, bool json);

}  // namespace ci::app
