#pragma once
// What the server counted, for people and their tools: JSON with the names of KubeCodeRun, and Prometheus' text. The JSON is of all
// servers that share a store, the text of this one. Used on the I/O thread.

#include <chrono>
#include <functional>

#include "api/health.h"
#include "api/settings.h"
#include "base/async.h"
#include "metrics/figures.h"
#include "metrics/history_writer.h"
#include "net/http.h"

namespace ci::api {

// What is counted where. All of it outlives the routes.
struct Observed {
  Observed(metrics::Figures& text, metrics::History& kept, metrics::HistoryWriter& fresh)
      : figures(text), history(kept), writer(fresh) {}
  metrics::Figures& figures;
  metrics::History& history;
  metrics::HistoryWriter& writer;
};

// What waits is written first, so that what somebody has just done is in the numbers. When that fails, what is there must do: the
// writer's own task says so in the log.
awaitable<void> write_waiting(const Observed& observed);

// Half open. "hours" of the query, 1 to 168, 24 without; throws 422.
metrics::Span last_hours(const net::Request& request);

// The summary that /metrics/detailed and /api/v1/admin/stats have in common: {summary, by_language, pool_stats, period_hours}.
awaitable<boost::json::object> detailed_metrics(const Observed& observed, metrics::Span span);

class MetricsRoutes {
 public:
  MetricsRoutes(
      const Observed& observed, const pool::SandboxPool& pool, HealthRoutes& health, const ApiSettings& settings)
      : observed_(observed), pool_(pool), health_(health), settings_(settings) {}

  awaitable<net::Response> metrics(net::Request& request);  // JSON, or what Accept prefers
  awaitable<net::Response> prometheus(net::Request& request);
  awaitable<net::Response> execution(net::Request& request);
  awaitable<net::Response> requests(net::Request& request);
  awaitable<net::Response> detailed(net::Request& request);
  awaitable<net::Response> by_language(net::Request& request);
  awaitable<net::Response> by_key(net::Request& request);
  awaitable<net::Response> pool(net::Request& request);
  awaitable<net::Response> status(net::Request& request);

 private:
  struct Seen {
    metrics::Counts all;
    std::map<metrics::Hour, metrics::Counts> recent;
  };
  awaitable<Seen> look();
  boost::json::object system_object(const metrics::Counts& all) const;
  boost::json::object pool_object(const metrics::Counts& all) const;
  double uptime() const;

  Observed observed_;
  const pool::SandboxPool& pool_;
  HealthRoutes& health_;
  const ApiSettings& settings_;
  Question<Seen> seen_{[this] { return look(); }};
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

// Prometheus' text in the format that Accept prefers.
net::Response prometheus_text(const net::Request& request, const metrics::Figures& figures);

}  // namespace ci::api
