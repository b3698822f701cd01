#pragma once
// Signals of a process between a fork and an exec, and of another one.

namespace ci::os {

// Every signal at its default and none blocked, as a program expects to be started: what its parent ignores would
// otherwise stay ignored (signal(7)).
void reset_signals();

// Whether a process has a handler for `signal`. `status`: its /proc/PID/status; false when that cannot be read.
bool catches(int status, int signal);

}  // namespace ci::os
