#pragma once
// Sandboxes that are pods of a cluster, one for each run. Any number of replicas share them: a pod belongs to whoever could write its
// name onto it (resourceVersion), and one replica, which is elected, sees to it that enough are warm and that none is left behind. See
// docs/kubernetes.md.

#include <memory>

#include "kubernetes/access.h"
#include "pool/kubernetes_settings.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

std::unique_ptr<SandboxPool> open_kubernetes_pool(
    asio::any_io_executor executor, asio::thread_pool& blocking, KubernetesSettings settings,
    kubernetes::Access access);

}  // namespace ci::pool
