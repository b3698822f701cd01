#pragma once
// POST /exec.

#include "api/settings.h"
#include "base/async.h"
#include "execution/execution.h"
#include "net/http.h"

namespace ci::api {

class ExecRoutes {
 public:
  // Runs are tasks of `tasks`: with keep-alive on, one may outlive the handler that began it.
  ExecRoutes(
      execution::Executions& executions, const pool::SandboxPool& pool, const ApiSettings& settings, TaskGroup& tasks)
      : executions_(executions), pool_(pool), settings_(settings), tasks_(tasks) {}

  awaitable<net::Response> post(net::Request& request);

 private:
  execution::Executions& executions_;
  const pool::SandboxPool& pool_;
  const ApiSettings& settings_;
  TaskGroup& tasks_;
};

}  // namespace ci::api
