#pragma once
// A pod on loan: a run goes to its runner as one streamed request, and what happens comes back as the answer (pool/stream). I/O thread.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "net/body_budget.h"
#include "net/client/http_client.h"
#include "pool/kubernetes/pod.h"
#include "pool/sandbox_pool.h"

namespace ci::pool {

enum class FoundWarm { no, yes };

struct PodOnLoan {
  PodOnLoan(std::string its_name, std::string its_image, const Pod& pod)
      : name(std::move(its_name)),
        image(std::move(its_image)),
        address(pod.address),
        token(pod.token),
        language(pod.language) {}
  std::string name, image;
  std::string address, token;  // of its runner
  std::string language;
  FoundWarm found = FoundWarm::yes;
  net::BodyBudget::Share room;  // for the files that the program leaves
};

// What programs leave in files of this folder, all together, may take so much until it is stored.
std::uint64_t room_for_files(const std::filesystem::path& folder);

// What the cluster says of a pod meanwhile.
enum class PodFate { lives, gone, lacked_memory };

// `end` is called once, when the lease is dropped: the pod is to go.
std::unique_ptr<Lease> make_pod_lease(
    net::client::Client& http, asio::thread_pool& blocking, std::filesystem::path spool, PodOnLoan pod,
    std::function<PodFate()> fate, std::function<void()> end);

}  // namespace ci::pool
