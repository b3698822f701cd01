#include "api/health.h"

#include "api/json.h"

namespace ci::api {

void HealthRoutes::set_ready(bool ready, std::string reason) {
  ready_ = ready;
  reason_ = std::move(reason);
}

awaitable<net::Response> HealthRoutes::health(net::Request&) {
  boost::json::object body;
  body["status"] = "healthy";
  body["version"] = settings_.version;
  body["service"] = "kubecoderun-api";
  boost::json::object& config = body["config"].emplace_object();
  config["debug"] = settings_.debug;
  config["docs_enabled"] = settings_.docs;
  config["cors_enabled"] = settings_.cors;
  co_return json_response(200, body);
}

awaitable<net::Response> HealthRoutes::ready(net::Request&) {
  boost::json::object body;
  body["status"] = ready_ ? "ready" : "not_ready";
  if (!ready_) body["reason"] = reason_;
  co_return json_response(ready_ ? 200 : 503, body);
}

}  // namespace ci::api
