#pragma once
// All routes behind one handler. Used on the I/O thread.

#include "access/api_keys.h"
#include "access/managed_keys.h"
#include "api/admin.h"
#include "api/admin_metrics.h"
#include "api/auth.h"
#include "api/exec.h"
#include "api/files.h"
#include "api/health.h"
#include "api/metrics.h"
#include "api/route.h"
#include "api/settings.h"
#include "api/state.h"
#include "api/upload.h"
#include "net/router.h"

namespace ci::api {

class Service {
 public:
  Service(
      execution::Executions& executions, execution::Runs& runs, files::Sessions& sessions, files::SessionFiles& files,
      state::States& states, const access::ApiKeys& keys, const pool::SandboxPool& pool, asio::thread_pool& blocking,
      ApiSettings settings);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // For net::Server; this object outlives it.
  net::Handler handler();
  // Throws only when it was cancelled: the client has left.
  awaitable<net::Response> handle(net::Request& request);

  // A route of somebody else. `pattern` as for net::Router. Before the first request.
  void add(std::string method, std::string_view pattern, Route route, net::Handler handler);
  // What /health/detailed asks, in this order.
  void add_check(HealthCheck check) { health_.add_check(std::move(check)); }
  // From now on there are keys that administrators make, and routes for these. They and the places of their runs outlive this object.
  void manage_keys(access::ManagedKeys& keys, access::RunPlaces& places);
  // From now on users for whom a host vouches may call. They outlive this object.
  void accept(const access::JsonWebTokens& tokens) { authenticator_.know(tokens); }
  // From now on what happens is counted there, and routes show it; administrators see more once there are keys.
  void observe(const Observed& observed);
  // Asked for each request of a route that costs something; nothing is charged without.
  void set_charge(Charge charge) { charge_ = std::move(charge); }
  // What /ready says; not ready, "starting", at first.
  void set_ready(bool ready, std::string reason = {});
  // From now on only probes are answered; the rest is 503.
  void set_stopping();

 private:
  Route route_of(const net::Request& request, const net::Router::Match& match) const;
  awaitable<net::Response> answer(net::Request& request, net::Router::Match& match);
  void log_request(const net::Request& request, const net::Response& response, std::chrono::microseconds time);
  void count_request(
      const net::Request& request, std::string_view pattern, const net::Response& response,
      std::chrono::microseconds time);

  ApiSettings settings_;
  execution::Runs& runs_;
  const pool::SandboxPool& pool_;
  Authenticator authenticator_;
  HealthRoutes health_;
  ExecRoutes exec_;
  UploadRoutes upload_;
  FileRoutes files_;
  StateRoutes states_;
  access::ManagedKeys* keys_ = nullptr;
  std::optional<AdminRoutes> admin_;
  std::optional<Observed> observed_;
  std::optional<MetricsRoutes> metrics_;
  std::optional<AdminMetricsRoutes> admin_metrics_;
  net::Router router_;
  std::vector<Route> routes_;             // by the router's numbers
  std::vector<std::string> route_names_;  // "GET /health", for whoever wants to know what there is
  Charge charge_;
  bool stopping_ = false;
  bool probe_logged_ = false;
};

}  // namespace ci::api
