#pragma once
// One of several processes is chosen, and another when it is gone: a Lease object that the leader renews. The rules are those
// of Kubernetes' own components (https://pkg.go.dev/k8s.io/client-go/tools/leaderelection), so that `kubectl get lease` shows
// what people expect. Clocks of different machines are never compared: each measures by its own how long a lease has not moved.

#include <chrono>
#include <string>

#include "base/async.h"
#include "kubernetes/client.h"

namespace ci::kubernetes {

struct ElectionSettings {
  std::chrono::seconds lease{15};               // a leader that has not renewed for so long may be replaced
  std::chrono::milliseconds leads_for{10'000};  // after its last renewal it leads no longer: less than `lease`
  std::chrono::milliseconds between_tries{2000};
};

// Used on the I/O thread. run() must have ended before destruction.
class Election {
 public:
  // `identity` is unique among those who take part.
  Election(Client& client, std::string home, std::string name, std::string identity, ElectionSettings settings = {});

  // Takes part until it is cancelled. Then resign(), so that nobody need wait.
  awaitable<void> run();
  awaitable<void> resign();

  // Whether nobody else leads at this moment. Ask again after each wait.
  bool leads() const { return std::chrono::steady_clock::now() < leads_until_; }
  const std::string& leader() const { return leader_; }  // as last seen; empty when there is none
  // Makes `what`, an object of the same namespace, one of the Lease: who removes the Lease removes it, too. Nothing before it was seen.
  void own(object& what) const;

 private:
  awaitable<void> try_once();
  object spec_of_ours(std::int64_t transitions, bool anew) const;

  Client& client_;
  std::string home_, name_, identity_;
  ElectionSettings settings_;
  std::string leader_, version_, acquired_, uid_;
  std::chrono::steady_clock::time_point seen_{};  // when that version was first seen
  Deadline leads_until_{};
};

}  // namespace ci::kubernetes
