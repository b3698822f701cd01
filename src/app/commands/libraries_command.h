#pragma once
// `kubecoderun libraries`: what programs find beside the library of their language, on a terminal or as GET /libraries says it.

#include <string>

#include "app/settings/settings.h"

namespace ci::app {

// `set`: also what programs with that set of packages find; empty: none. `language`: a code or another name of one; empty: all. Returns the
// exit status.
int list_libraries(const Settings& settings, const std::string& set, const std::string& language, bool json);

}  // namespace ci::app
