#pragma once
// POST /exec: a run that begins with a request and ends with its answer.

#include "access/run_places.h"
#include "api/settings.h"
#include "base/async.h"
#include "execution/runs.h"
#include "net/http.h"

namespace ci::api {

class ExecRoutes {
 public:
  // `blocking` reads large requests.
  ExecRoutes(
      execution::Runs& runs, const pool::SandboxPool& pool, asio::thread_pool& blocking, const ApiSettings& settings)
      : runs_(runs), pool_(pool), blocking_(blocking), settings_(settings) {}

  // From now on keys may have a bounded number of runs at once.
  void bound(access::RunPlaces& places) { places_ = &places; }

  awaitable<net::Response> post(net::Request& request);

 private:
  execution::Runs& runs_;
  const pool::SandboxPool& pool_;
  asio::thread_pool& blocking_;
  const ApiSettings& settings_;
  access::RunPlaces* places_ = nullptr;
};

}  // namespace ci::api
