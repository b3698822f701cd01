#pragma once
// A report as tables for people. Pure.

#include <vector>

#include "base/table.h"
#include "bench/report.h"

namespace ci::bench {

// One for each group that was measured, then where the time goes, the targets, errors and what was left out.
std::vector<Table> tables_of(const Report& report);

// What was measured where and when, and what starts and stops each clock: the sentences at the top.
Table heading_of(const Report& report);

}  // namespace ci::bench
