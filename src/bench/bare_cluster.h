#pragma once
// What a cluster needs by itself, without the server: for a pod, for a change of one, and for one exchange with a program in it. The
// yardstick of runs in pods. Blocking; one thread.

#include <memory>
#include <string>

#include "kubernetes/client.h"

namespace ci::bench {

class BareCluster {
 public:
  // The cluster that KUBECONFIG, this pod's account or ~/.kube/config leads to, if it has pods of the server's. Fails as `invalid` or
  // `unavailable` with the reason if there is none.
  BareCluster();
  // Removes the pod.
  ~BareCluster();
  BareCluster(const BareCluster&) = delete;
  BareCluster& operator=(const BareCluster&) = delete;

  // A pod like those of the pool, from the request until the cluster says that it is ready. In milliseconds, as all times here. Removes
  // the one before.
  double make_pod();
  // A change of its labels, as the server makes one to take a pod.
  double change_pod();
  // Its address, for HTTP without a token: host and port.
  const std::string& address() const { return address_; }

 private:
  template <class T>
  T wait_for(awaitable<T> work);
  void remove_pod();

  asio::io_context context_;
  asio::thread_pool blocking_{1};
  kubernetes::Client client_;
  kubernetes::object model_;  // a pod of the pool
  std::string home_, name_, address_;
  int made_ = 0;
};

}  // namespace ci::bench
