#pragma once
// The one place that knows where sandboxes are made.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

struct PoolSettings {
  // Warm sandboxes to keep per language code, at least; a language that is missing here is made on demand.
  std::map<std::string, int> floors;
  int parallel_creations = 5;       // in the background, at once
  int parallel_slow_creations = 1;  // of a kind whose start keeps a processor busy for long
  int parallel_slow_awaited = 2;    // the same while requests wait for them: the processors
  bool enabled = true;              // false: nothing is kept warm
  bool refill_on_acquire = true;    // false: only every `refill_interval`
  std::chrono::milliseconds refill_interval{2000};
  int most_warm = 48;                          // of all kinds together
  std::uint64_t warm_memory_bytes = 1u << 30;  // of all of them, and of those on loan
  std::vector<std::string> python_modules;     // that the last Python level imports beside its own
  std::size_t most_waiting = 1000;             // requests; further ones fail at once
};

// The next connection to sandboxd (its socket, see sandbox/sandboxd.h); suspends until there is one. Called again
// when a connection ended.
using SandboxdConnector = std::function<awaitable<UniqueFd>()>;

// Sandboxes on this machine, made by the sandboxd that the connector leads to. `blocking` outlives the pool.
std::unique_ptr<SandboxPool> open_pool(
    asio::any_io_executor executor, asio::thread_pool& blocking, const PoolSettings& settings,
    SandboxdConnector connector);

}  // namespace ci::pool
