#include "pool/open.h"

#include "pool/local/local_pool.h"

namespace ci::pool {

std::unique_ptr<SandboxPool> open_pool(
    asio::any_io_executor executor, asio::thread_pool& blocking, const PoolSettings& settings,
    SandboxdConnector connector) {
  return open_local_pool(std::move(executor), blocking, settings, std::move(connector));
}

}  // namespace ci::pool
