#pragma once
// What the dashboard draws: sums over a time that administrators choose. Used on the I/O thread.

#include <optional>

#include "access/key_records.h"
#include "api/metrics.h"

namespace ci::api {

// The time and the key that a query asks for: "period" (hour, day, week, month), or "start_date" and "end_date"; "api_key_hash".
// Throws 422.
struct Question {
  Question() = default;
  std::string period = "day";
  metrics::Span span;
  std::string key;  // the first 16 digits of its hash; empty: all
  bool by_day() const { return span.end - span.begin > std::chrono::days(2); }
};
Question parse_question(const net::Request& request, std::chrono::system_clock::time_point now);

class AdminMetricsRoutes {
 public:
  AdminMetricsRoutes(const Observed& observed, access::KeyRecords& keys, HealthRoutes& health)
      : observed_(observed), keys_(keys), health_(health) {}

  awaitable<net::Response> stats(net::Request& request);
  awaitable<net::Response> summary(net::Request& request);
  awaitable<net::Response> languages(net::Request& request);
  awaitable<net::Response> time_series(net::Request& request);
  awaitable<net::Response> heatmap(net::Request& request);
  awaitable<net::Response> keys(net::Request& request);
  awaitable<net::Response> top_languages(net::Request& request);

 private:
  awaitable<metrics::Cells> cells(const Question& question, metrics::By by);

  Observed observed_;
  access::KeyRecords& keys_;
  HealthRoutes& health_;
};

}  // namespace ci::api
