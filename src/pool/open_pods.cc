#include "pool/open_pods.h"

#include <cstdlib>

#include "kubernetes/access.h"
#include "pool/kubernetes/kubernetes_pool.h"

namespace ci::pool {

namespace {

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace

std::unique_ptr<SandboxPool> open_pods(
    asio::any_io_executor executor, asio::thread_pool& blocking, const KubernetesSettings& settings) {
  kubernetes::Access access = kubernetes::find_access(variable, settings.kubeconfig);
  return open_kubernetes_pool(std::move(executor), blocking, settings, std::move(access));
}

bool is_in_cluster() { return kubernetes::access_of_pod(variable, kubernetes::default_account).has_value(); }

}  // namespace ci::pool
