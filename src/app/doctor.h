#pragma once
// `kubecoderun doctor`: what this host has of what sandboxes need, what is lost without each part, how to get it.

#include <string>
#include <vector>

namespace ci::app {

// Prints the findings to stdout, for people or as JSON. 0 when sandboxes can be made, with all protections but those whose
// absence is accepted (`allow_weak`: ALLOW_WEAK_SANDBOX), and some language can run; else 1. Tries things in
// child processes: the caller must be single-threaded.
int doctor(bool json, const std::vector<std::string>& allow_weak);

}  // namespace ci::app
