#pragma once
// `kubecoderun audit verify`.

#include <string>

#include "app/settings/settings.h"

namespace ci::app {

// Exit status: 0 when all of the log is in order, 1 with a sentence when it is not. `file` empty: that of the settings.
int verify_audit(const Settings& settings, const std::string& file);

}  // namespace ci::app
