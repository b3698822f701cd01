#pragma once
// Everything that watches the server: figures for Prometheus, the history of runs, and who is told of each run that ends. Built in
// the order of the application: figures first, since stores are timed, the rest when there is a pool.

#include <filesystem>
#include <memory>
#include <optional>

#include "api/metrics.h"
#include "app/settings/settings.h"
#include "metrics/audit_log.h"
#include "metrics/figures.h"
#include "metrics/history_writer.h"
#include "metrics/run_record.h"
#include "metrics/trace_exporter.h"
#include "net/server.h"
#include "pool/sandbox_pool.h"
#include "store/key_value_store.h"

namespace ci::app {

class Observation {
 public:
  explicit Observation(const Settings& settings);

  metrics::Figures& figures() { return figures_; }
  metrics::RunRecorder& recorder() { return recorders_; }

  // Opens the history: in the shared store when there is one, else in a file. Fails as `invalid`, naming the variable, when that file
  // cannot be used. What is given outlives this.
  void begin(
      asio::any_io_executor executor, store::KeyValueStore& records, const pool::SandboxPool& pool,
      const std::filesystem::path& data, asio::thread_pool& blocking);
  api::Observed observed();

  // Writes the history, and sends traces, until it is cancelled; then finish() writes what is left.
  awaitable<void> work() { return writer_->work(); }
  bool traces() const { return traces_.has_value(); }
  awaitable<void> send_traces() { return traces_->work(); }
  awaitable<void> finish();

  // Answers GET /metrics on a port of its own, to anybody.
  awaitable<net::Response> answer(net::Request& request);

 private:
  void open_audit();

  const Settings& settings_;
  metrics::Figures figures_;
  metrics::RunLog log_;
  metrics::RunRecorders recorders_;
  std::unique_ptr<metrics::History> history_;
  std::optional<metrics::HistoryWriter> writer_;
  std::optional<metrics::TraceExporter> traces_;
  std::optional<metrics::AuditLog> audit_;
};

// The file that SQLITE_METRICS_DB_PATH names, or metrics.db in `data`.
std::filesystem::path history_file(const Settings& settings, const std::filesystem::path& data);
metrics::Retention retention(const Settings& settings);

// Where traces go; nothing when nobody wants them. Fails as `invalid`, naming the variable.
std::optional<metrics::TraceSettings> trace_settings(const Settings& settings);

// Of the listener for METRICS_PORT; nothing when there is none.
std::optional<net::ServerSettings> metrics_server_settings(const Settings& settings);

}  // namespace ci::app
