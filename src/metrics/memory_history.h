#pragma once
// History for a server that keeps none: sums of the last days, gone when it stops.

#include <memory>

#include "metrics/history.h"

namespace ci::metrics {

std::unique_ptr<History> open_memory_history();

}  // namespace ci::metrics
