#pragma once
// ^C and SIGTERM: measure no more, show what there is, stop what was started. A second one ends the process at once.

namespace ci::bench {

// Once, before threads are started.
void watch_interrupts();

// Any thread.
bool interrupted();

}  // namespace ci::bench
