#include "app/server/observation.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/version.h"
#include "metrics/memory_history.h"
#include "metrics/shared_history.h"
#include "metrics/sqlite_history.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

std::unique_ptr<metrics::History> open_file(
    const Settings& settings, const fs::path& data, asio::thread_pool& blocking) {
  const fs::path file = history_file(settings, data);
  try {
    return metrics::open_sqlite_history(file, blocking, retention(settings));
  } catch (const Failure& failure) {
    if (failure.kind() == FailureKind::unavailable) {  // a full disk: what is stored can be read all the same
      log_error("the history of runs is kept in memory until the next start", {{"reason", failure.what()}});
      return metrics::open_memory_history();
    }
    throw Failure(
        FailureKind::invalid,
        fmt::format("SQLITE_METRICS_DB_PATH: {}. The server's user must be able to write there", failure.what()));
  }
}

}  // namespace

fs::path history_file(const Settings& settings, const fs::path& data) {
  if (settings.history_file.empty()) return data / "metrics.db";
  return fs::absolute(settings.history_file);
}

metrics::Retention retention(const Settings& settings) {
  metrics::Retention result;
  result.runs = settings.history_of_runs;
  result.sums = settings.history_of_sums;
  return result;
}

std::optional<net::ServerSettings> metrics_server_settings(const Settings& settings) {
  if (settings.metrics_port == 0) return std::nullopt;
  net::ServerSettings result;
  result.host = settings.host;
  result.port = static_cast<std::uint16_t>(settings.metrics_port);
  result.max_connections = 32;
  result.max_connections_per_address = 16;
  result.reserved_connections = 0;
  result.body_memory = 1 << 20;
  return result;
}

Observation::Observation(const Settings& settings) : settings_(settings), figures_(std::string(version())) {
  recorders_.add(log_);
  recorders_.add(figures_);
}

void Observation::begin(
    asio::any_io_executor executor, store::KeyValueStore& records, const pool::SandboxPool& pool, const fs::path& data,
    asio::thread_pool& blocking) {
  figures_.show_pool(pool);
  if (settings_.redis.chosen()) {
    history_ = metrics::open_shared_history(records, retention(settings_));
  } else if (settings_.history) {
    history_ = open_file(settings_, data, blocking);
  } else {
    history_ = metrics::open_memory_history();
  }
  writer_.emplace(*history_, pool, settings_.detailed_metrics);
  recorders_.add(*writer_);
  if (const auto wanted = trace_settings(settings_)) {
    traces_.emplace(std::move(executor), *wanted);
    recorders_.add(*traces_);
    figures_.registry().counter_of(
        "kubecoderun_traces_dropped", "Runs that no collector took.", {},
        [this](const metrics::Emit& emit) { emit({}, static_cast<double>(traces_->dropped())); });
  }
  if (!settings_.audit_file.empty()) {
    open_audit();
    recorders_.add(*audit_);
  }
  figures_.registry().counter_of(
      "kubecoderun_history_dropped", "Runs that the history could not take.", {},
      [this](const metrics::Emit& emit) { emit({}, static_cast<double>(writer_->dropped())); });
}

void Observation::open_audit() {
  try {
    audit_.emplace(settings_.audit_file);
  } catch (const Failure& failure) {
    throw Failure(FailureKind::invalid, fmt::format("AUDIT_LOG_FILE: {}", failure.what()));
  }
}

std::optional<metrics::TraceSettings> trace_settings(const Settings& settings) {
  metrics::TraceSettings result;
  result.endpoint = settings.trace_endpoint;
  const char* name = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  if (result.endpoint.empty() && !settings.trace_base.empty()) {
    name = "OTEL_EXPORTER_OTLP_ENDPOINT";
    result.endpoint = settings.trace_base;
    while (result.endpoint.ends_with('/')) result.endpoint.pop_back();
    result.endpoint += "/v1/traces";
  }
  if (result.endpoint.empty()) return std::nullopt;
  if (!result.endpoint.starts_with("http://") && !result.endpoint.starts_with("https://")) {
    throw Failure(FailureKind::invalid, fmt::format("{}: write it as http://host:4318", name));
  }
  try {
    result.headers = metrics::parse_headers(settings.trace_headers);
  } catch (const Failure& failure) {
    throw Failure(FailureKind::invalid, fmt::format("OTEL_EXPORTER_OTLP_HEADERS: {}", failure.what()));
  }
  result.service = settings.trace_service;
  result.sampled = settings.trace_share;
  result.version = version();
  return result;
}

api::Observed Observation::observed() { return api::Observed(figures_, *history_, *writer_); }

awaitable<void> Observation::finish() {
  try {
    co_await writer_->flush();
  } catch (const Failure& failure) {
    log_warning("the history of the last runs is lost", {{"reason", failure.what()}});
  }
  if (traces_) co_await traces_->finish();
}

awaitable<net::Response> Observation::answer(net::Request& request) {
  if (request.method == "GET" && request.path == "/metrics") co_return api::prometheus_text(request, figures_);
  co_return net::Response(404, "text/plain", "Only GET /metrics is here\n");
}

}  // namespace ci::app
