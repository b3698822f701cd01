#pragma once
// How what sandboxd is told at its start goes from one process of ours to the next.

#include <string>
#include <string_view>

#include "base/log.h"
#include "sandbox/settings.h"

namespace ci::sandbox {

struct StartSettings {
  SandboxdSettings sandboxd;
  LogSettings log;  // without the file, which belongs to somebody else
};

std::string settings_text(const StartSettings& settings);
// Fails as `internal` for anything but what the other function wrote.
StartSettings parse_settings_text(std::string_view text);

}  // namespace ci::sandbox
