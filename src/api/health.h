#pragma once
// Probes: /health says that the process answers, /ready that it should be sent work.

#include "api/settings.h"
#include "net/http.h"

namespace ci::api {

class HealthRoutes {
 public:
  explicit HealthRoutes(const ApiSettings& settings) : settings_(settings) {}

  awaitable<net::Response> health(net::Request& request);
  awaitable<net::Response> ready(net::Request& request);

  void set_ready(bool ready, std::string reason);

 private:
  const ApiSettings& settings_;
  bool ready_ = false;
  std::string reason_ = "starting";
};

}  // namespace ci::api
