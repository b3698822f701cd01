#pragma once
// History in one SQLite file of its own, so that a long look back never keeps a session's record waiting. A row for each
// run (for whoever opens the file with another tool: the columns are those of KubeCodeRun) and sums by hour, from which
// every question of history.h is answered: a million runs are some ten thousand sums.

#include <filesystem>
#include <memory>

#include "metrics/history.h"

namespace ci::metrics {

// Makes the file when there is none. Fails like a store when it cannot be used. `pool` does the blocking work.
std::unique_ptr<History> open_sqlite_history(
    const std::filesystem::path& file, asio::thread_pool& pool, Retention retention);

}  // namespace ci::metrics
