#pragma once
// POST /exec: a run that begins with a request and ends with its answer.

#include "api/settings.h"
#include "base/async.h"
#include "execution/runs.h"
#include "net/http.h"

namespace ci::api {

class ExecRoutes {
 public:
  ExecRoutes(execution::Runs& runs, const pool::SandboxPool& pool, const ApiSettings& settings)
      : runs_(runs), pool_(pool), settings_(settings) {}

  awaitable<net::Response> post(net::Request& request);

 private:
  execution::Runs& runs_;
  const pool::SandboxPool& pool_;
  const ApiSettings& settings_;
};

}  // namespace ci::api
