#pragma once
// `kubecoderun libraries`: what programs find beside the library of their language, on a terminal or as GET /libraries says it.

#include <string>

#include "os/system_root.h"

namespace ci::app {

// `system`: that which programs see. `language`: a code or another name of one; empty: all. Returns the exit status.
int list_libraries(const os::SystemRoot& system, const std::string& language, bool json);

}  // namespace ci::app
