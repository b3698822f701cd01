#pragma once
// `kubecoderun runner`: the HTTP server inside an execution pod, for one run (runner/runner.h).

#include "app/settings/settings.h"

namespace ci::app {

// Before the settings are loaded: sandboxes are those of a container, whose memory is that of the program and of what is around it.
void adapt_environment_of_runner();

// Until the run is over, nobody has asked for POD_TTL_MINUTES, or SIGTERM: 0. 1 when there can be no run, which the log explains.
int runner_command(const LoadedSettings& settings);

}  // namespace ci::app
