#pragma once
// One function for each group of selection.h: measures and adds to the report. Each may skip parts, with a reason.

#include "bench/workbench.h"

namespace ci::bench {

// The cases of `group` ("sequential", "languages", "documents") that the selection wants, with the bare tools.
void measure_cases(Workbench& bench, std::string_view group);
// py hello with more and more clients.
void measure_concurrency(Workbench& bench);
// What state adds to a run: the same program with names that are kept and with names that are not, in turns.
void measure_state(Workbench& bench);
void measure_files(Workbench& bench);
// py hello alone and beside programs that spin, in turns.
void measure_fairness(Workbench& bench);
// py hello in warm pods of a cluster, each when the pool is full.
void measure_pods(Workbench& bench);
// hello in every language, back to back, for the table of steps; nothing when measure_cases() has done it.
void measure_engine(Workbench& bench);
// With servers of their own.
void measure_start(Workbench& bench);
void measure_memory(Workbench& bench);

}  // namespace ci::bench
