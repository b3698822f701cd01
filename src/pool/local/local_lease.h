#pragma once
// One run in a sandbox of sandboxd: what flows over its channel.

#include <sys/types.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "pool/local/channel.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

// Whether the agent has said all that it has to say, so that it waits for nothing but its end.
enum class Finished { no, yes };

// Whether a sandbox was ready when it was asked for.
enum class Warm { no, yes };

// What a sandbox is closed with when its lease is dropped; called once.
using EndSandbox = std::function<void(std::unique_ptr<Channel>, Finished)>;

// So many bytes of memory are its own while it stands still; 0: it goes on.
using Holds = std::function<void(std::uint64_t)>;

// `device`: of the workspace, where it is no memory file system of the sandbox's own (sandbox/isolation.h).
std::unique_ptr<Lease> make_local_lease(
    std::unique_ptr<Channel> channel, std::string source_name, Warm warm, asio::thread_pool& blocking,
    std::optional<dev_t> device, Holds holds, EndSandbox end);

}  // namespace ci::pool
