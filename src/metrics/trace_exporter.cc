#include "metrics/trace_exporter.h"

#include <algorithm>
#include <span>

#include "base/failure.h"
#include "base/log.h"
#include "metrics/random_hex.h"
#include "metrics/spans.h"
#include "net/target.h"

namespace ci::metrics {

namespace {

constexpr std::size_t most_spans_waiting = 2048, batch = 256;
constexpr std::chrono::milliseconds between_looks{200};
constexpr int looks_between_sends = 5;

net::client::Settings client_settings() {
  net::client::Settings settings;
  settings.connections = 2;
  return settings;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> parse_headers(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> headers;
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const std::size_t equals = entry.find('=');
    if (equals == 0 || equals == entry.npos)
      throw Failure(FailureKind::invalid, "write name=value, with commas between");
    const auto value = net::percent_decode(entry.substr(equals + 1));
    if (!value || value->find_first_of("\r\n") != value->npos)
      throw Failure(FailureKind::invalid, "a value cannot be read");
    headers.emplace_back(std::string(entry.substr(0, equals)), *value);
  }
  return headers;
}

TraceExporter::TraceExporter(asio::any_io_executor executor, TraceSettings settings)
    : settings_(std::move(settings)), client_(std::move(executor), client_settings()) {}

void TraceExporter::record(const RunRecord& run) {
  RunRecord traced = run;
  if (traced.trace.trace_id.empty()) {
    // As likely as the first digits of a random id are small.
    traced.trace.trace_id = random_hex(16);
    constexpr double all = 0x1p32;
    const double place = static_cast<double>(std::stoull(traced.trace.trace_id.substr(0, 8), nullptr, 16));
    if (place >= settings_.sampled * all) return;
  } else if (!traced.trace.sampled) {
    return;
  }
  if (waiting_.size() >= most_spans_waiting) {
    ++dropped_;
    return;
  }
  waiting_.push_back(std::move(traced));
}

// What cannot be sent is dropped: later runs are more useful than old ones.
awaitable<void> TraceExporter::send() {
  const std::size_t count = std::min(waiting_.size(), batch);
  if (count == 0) co_return;
  const std::vector<RunRecord> some(
      std::make_move_iterator(waiting_.begin()),
      std::make_move_iterator(waiting_.begin() + static_cast<std::ptrdiff_t>(count)));
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
  const std::string body = otlp_json(some, settings_.service, settings_.version);
  net::client::Request request("POST", settings_.endpoint);
  request.headers = {"Content-Type: application/json"};
  for (const auto& [name, value] : settings_.headers) request.headers.push_back(name + ": " + value);
  request.body = std::as_bytes(std::span(body));
  request.deadline = after(settings_.timeout);
  request.silence = settings_.timeout;
  dropped_ += count;
  const net::client::Response response = co_await client_.send(std::move(request));
  if (response.head.status < 200 || response.head.status > 299) {
    throw Failure(FailureKind::unavailable, "the collector answers " + std::to_string(response.head.status));
  }
  dropped_ -= count;
  sent_ += count;
}

awaitable<void> TraceExporter::work() {
  bool failing = false;
  for (int look = 1;; ++look) {
    co_await sleep_for(between_looks);
    if (waiting_.size() < batch && look % looks_between_sends != 0) continue;
    std::string reason;
    try {
      co_await send();
    } catch (const Failure& failure) {
      reason = failure.what();
    }
    if (!reason.empty() && !failing) log_warning("traces are lost", {{"reason", reason}});
    failing = !reason.empty();
  }
}

awaitable<void> TraceExporter::finish() {
  settings_.timeout = std::min(settings_.timeout, std::chrono::milliseconds(2000));
  try {
    while (!waiting_.empty()) co_await send();
  } catch (const Failure& failure) {
    log_warning("the last traces are lost", {{"reason", failure.what()}});
  }
}

}  // namespace ci::metrics
