#pragma once
// A pod on loan: a run goes to its runner as one streamed request, and what happens comes back as the answer (pool/stream). I/O thread.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "net/client/http_client.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

enum class FoundWarm { no, yes };

struct PodOnLoan {
  std::string name, image;
  std::string address, token;  // of its runner
  std::string language;
  FoundWarm found = FoundWarm::yes;
};

// `is_there`: whether the cluster still has the pod. `end` is called once, when the lease is dropped: the pod is to go.
std::unique_ptr<Lease> make_pod_lease(
    net::client::Client& http, asio::thread_pool& blocking, std::filesystem::path spool, PodOnLoan pod,
    std::function<bool()> is_there, std::function<void()> end);

}  // namespace ci::pool
