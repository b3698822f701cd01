#pragma once
// The one place that knows how pods of a cluster become sandboxes.

#include <memory>

#include "pool/kubernetes_settings.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

// Credentials that cannot be used fail as `invalid`; files are read for them now. `blocking` outlives the pool.
std::unique_ptr<SandboxPool> open_pods(
    asio::any_io_executor executor, asio::thread_pool& blocking, const KubernetesSettings& settings);

// Whether this process is in a pod that may speak with its cluster.
bool is_in_cluster();

}  // namespace ci::pool
