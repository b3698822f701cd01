#pragma once
// What is asked of the cluster about pods, and of the runners in them. One call each; who may call when is not its business. I/O thread.

#include <string>

#include "kubernetes/client.h"
#include "kubernetes/election.h"
#include "net/client/http_client.h"
#include "pool/kubernetes/pod.h"

namespace ci::pool {

class PodCalls {
 public:
  // All of them outlive it. `home`: the namespace of the pods. Pods belong to the Lease of the election.
  PodCalls(
      const KubernetesSettings& settings, kubernetes::Client& client, const kubernetes::Election& election,
      net::client::Client& http, std::string home);

  // A pod with a name and a token of its own. No cluster that makes none is a refusal, too.
  awaitable<kubernetes::Answer<Pod>> create(std::string language, PodStatus status);
  // At once. Why it did not succeed; empty also when it was gone already, or has made room for another of its name.
  awaitable<std::string> remove(std::string name, std::string uid);

  // Whoever succeeds with this has the pod: it fails as a conflict when the pod is no longer as `pod` says.
  awaitable<kubernetes::Answer<Pod>> mark_in_use(const Pod& pod);
  // One that is reserved for us becomes one for all, on the same terms.
  awaitable<kubernetes::Answer<Pod>> mark_warm(const Pod& pod);

  // Whether its runner answers and has no run yet.
  awaitable<bool> gives_sign(const Pod& pod);

 private:
  awaitable<kubernetes::Answer<Pod>> patch(std::string name, kubernetes::object changes);

  const KubernetesSettings& settings_;
  kubernetes::Client& client_;
  const kubernetes::Election& election_;
  net::client::Client& http_;
  std::string home_;
};

// How runners are spoken with.
net::client::Settings settings_for_runners();

}  // namespace ci::pool
