#pragma once
// Becoming sandboxd. It is a program of its own, small and linked with little, because it is forked for every sandbox: what
// it maps is copied each time, and what it holds, a key in its environment or a library that speaks to the network, would be
// in each. It is kept inside of this program, so that there is one file to install and the two can never differ.

#include "base/unique_fd.h"
#include "sandbox/settings_text.h"

namespace ci::sandbox {

// Takes the place of the calling process, which gives `socket` to it (sandbox/sandboxd.h). The environment stays behind.
// Returns only by failing.
[[noreturn]] void start_sandboxd(const StartSettings& settings, UniqueFd socket);

}  // namespace ci::sandbox
