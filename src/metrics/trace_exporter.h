#pragma once
// Sends finished runs as traces to a collector, over OTLP/HTTP in its JSON form. Runs wait in a list of bounded length, and go in
// batches; when the collector is slow or away they are dropped and counted, and nobody waits. I/O thread.

#include <string>
#include <vector>

#include "base/async.h"
#include "metrics/run_record.h"
#include "net/client/http_client.h"

namespace ci::metrics {

struct TraceSettings {
  TraceSettings() = default;
  std::string endpoint;  // of traces: "http://collector:4318/v1/traces"; empty: none
  std::vector<std::pair<std::string, std::string>> headers;  // of each request: a key of the collector's
  std::string service = "kubecoderun-api";
  std::string version;
  double sampled = 1;  // the share of runs that are sent when their client has not decided
  std::chrono::milliseconds timeout{10000};
};

class TraceExporter final : public RunRecorder {
 public:
  TraceExporter(asio::any_io_executor executor, TraceSettings settings);

  void record(const RunRecord& run) override;
  // Sends what waits, every second and as soon as a batch is full, until it is cancelled.
  awaitable<void> work();
  // What is left, at the end: one try.
  awaitable<void> finish();

  std::uint64_t sent() const { return sent_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  awaitable<void> send();

  TraceSettings settings_;
  net::client::Client client_;
  std::vector<RunRecord> waiting_;
  std::uint64_t sent_ = 0, dropped_ = 0;
};

// "name=value,name=value", values percent-encoded, as OTEL_EXPORTER_OTLP_HEADERS has it.
std::vector<std::pair<std::string, std::string>> parse_headers(std::string_view text);

}  // namespace ci::metrics
