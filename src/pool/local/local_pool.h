#pragma once
// The pool on this machine: keeps sandboxes that sandboxd made ready and waiting, and follows demand.

#include "pool/open.h"

namespace ci::pool {

std::unique_ptr<SandboxPool> open_local_pool(
    asio::any_io_executor executor, asio::thread_pool& blocking, const PoolSettings& settings,
    SandboxdConnector connector);

}  // namespace ci::pool
