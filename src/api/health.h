#pragma once
// Probes: /health says that the process answers, /ready that it should be sent work, /health/detailed how each part does.

#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/question.h"
#include "execution/execution.h"
#include "net/http.h"
#include "pool/sandbox_pool.h"
#include "store/facts.h"

namespace ci::api {

// A peer or a disk that must answer.
struct HealthCheck {
  HealthCheck(std::string service, std::chrono::milliseconds slow_after, std::function<awaitable<store::Facts>()> ask)
      : name(std::move(service)), slow(slow_after), question(std::move(ask)) {}
  std::string name;
  std::chrono::milliseconds slow;  // an answer that takes longer is a sign of trouble
  Question<store::Facts> question;
  boost::json::object details;  // what operators may see of its settings, also while it does not answer
};

class HealthRoutes {
 public:
  HealthRoutes(const ApiSettings& settings, const pool::SandboxPool& pool, const execution::Executions& executions)
      : settings_(settings), pool_(pool), executions_(executions) {}

  void add_check(HealthCheck check) { checks_.push_back(std::move(check)); }

  awaitable<net::Response> health(net::Request& request);
  awaitable<net::Response> ready(net::Request& request);
  // Only for debugging, else 404. `routes` is what this server answers.
  awaitable<net::Response> config(net::Request& request, const std::vector<std::string>& routes);
  // All services together ("detailed") or one by its name. Results are kept for a while: whoever asks often must not
  // keep the peers busy.
  awaitable<net::Response> service(net::Request& request);

  // What /health/detailed says: {status, timestamp, services, summary, repl}. `fresh`: not what is kept.
  awaitable<boost::json::object> everything(bool fresh);

  void set_ready(bool ready, std::string reason);

 private:
  struct Seen {
    std::chrono::steady_clock::time_point at;
    boost::json::object services;
  };
  awaitable<boost::json::object> services(bool fresh);
  awaitable<void> look();
  boost::json::object pool_service() const;
  boost::json::object cache_service() const;
  boost::json::object interpreters() const;

  const ApiSettings& settings_;
  const pool::SandboxPool& pool_;
  const execution::Executions& executions_;
  std::vector<HealthCheck> checks_;
  std::optional<Seen> seen_;
  bool ready_ = false;
  std::string reason_ = "starting";
};

}  // namespace ci::api
