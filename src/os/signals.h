#pragma once
// Signals between a fork and an exec.

namespace ci::os {

// Every signal at its default and none blocked, as a program expects to be started: what its parent ignores would
// otherwise stay ignored (signal(7)).
void reset_signals();

}  // namespace ci::os
