#pragma once
// `kubecoderun doctor`: what this host has of what sandboxes need, what is lost without each part, how to get it.

#include "app/settings/settings.h"

namespace ci::app {

// Prints the findings to stdout, for people or as JSON. 0 when sandboxes can be made, with all protections but those whose
// absence is accepted (ALLOW_WEAK_SANDBOX), and some language can run; else 1. Tries things in
// child processes: the caller must be single-threaded. Asks the stores that are other servers.
int doctor(bool json, const Settings& settings);

}  // namespace ci::app
