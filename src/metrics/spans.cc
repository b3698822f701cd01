#include "metrics/spans.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "metrics/random_hex.h"

namespace ci::metrics {

namespace json = boost::json;
using std::chrono::microseconds;
using std::chrono::system_clock;

namespace {

constexpr int span_kind_server = 2, span_kind_internal = 1;
constexpr int status_ok = 1, status_error = 2;

std::string nanoseconds(system_clock::time_point time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

void add(json::array& attributes, const char* name, std::string_view text) {
  if (text.empty()) return;
  json::object value, attribute;
  value["stringValue"] = text;
  attribute["key"] = name;
  attribute["value"] = std::move(value);
  attributes.push_back(std::move(attribute));
}

// Numbers are texts in this form.
void add(json::array& attributes, const char* name, std::int64_t number) {
  json::object value, attribute;
  value["intValue"] = std::to_string(number);
  attribute["key"] = name;
  attribute["value"] = std::move(value);
  attributes.push_back(std::move(attribute));
}

json::array attributes_of(const RunRecord& run) {
  json::array attributes;
  add(attributes, "kubecoderun.run.id", run.id);
  add(attributes, "kubecoderun.request.id", run.request_id);
  add(attributes, "kubecoderun.language", run.language);
  add(attributes, "kubecoderun.outcome", run.outcome);
  add(attributes, "kubecoderun.key", run.key);
  add(attributes, "kubecoderun.exit_code", std::int64_t{run.exit_code});
  add(attributes, "kubecoderun.cpu_us", std::int64_t{run.cpu_time.count()});
  add(attributes, "kubecoderun.peak_memory_bytes", static_cast<std::int64_t>(run.peak_memory));
  return attributes;
}

bool is_failure_of_ours(const RunRecord& run) { return run.outcome == "failed" || run.outcome == "lost"; }

json::object describe(const RunSpan& span, const RunRecord& run) {
  const bool is_run = span.name == "execute";
  json::object object;
  object["traceId"] = run.trace.trace_id;
  object["spanId"] = span.id;
  if (!span.parent.empty()) object["parentSpanId"] = span.parent;
  object["name"] = span.name;
  object["kind"] = is_run ? span_kind_server : span_kind_internal;
  object["startTimeUnixNano"] = nanoseconds(span.begin);
  object["endTimeUnixNano"] = nanoseconds(span.end);
  if (!is_run) return object;
  object["attributes"] = attributes_of(run);
  json::object& status = object["status"].emplace_object();
  status["code"] = is_failure_of_ours(run) ? status_error : status_ok;
  if (is_failure_of_ours(run)) status["message"] = run.reason;
  return object;
}

}  // namespace

std::vector<RunSpan> spans_of(const RunRecord& run, const std::function<std::string()>& new_id) {
  constexpr std::string_view of_sandbox = "sandbox ";
  std::vector<RunSpan> spans;
  RunSpan& root = spans.emplace_back();
  root.id = new_id();
  root.parent = run.trace.parent_id;
  root.name = "execute";
  root.begin = run.begin;
  root.end = run.begin + run.total_time;
  const std::string root_id = root.id;
  system_clock::time_point at = run.begin, in_run = run.begin;
  std::string run_id = root_id;
  const auto add_step = [&](std::string name, const std::string& parent, system_clock::time_point begin,
                            microseconds time) {
    RunSpan& span = spans.emplace_back();
    span.id = new_id();
    span.parent = parent;
    span.name = std::move(name);
    span.begin = begin;
    span.end = begin + time;
  };
  microseconds acquired{0};
  for (const auto& [name, count] : run.steps) {
    const microseconds time(count);
    if (name.starts_with(of_sandbox)) {
      add_step(name.substr(of_sandbox.size()), run_id, in_run, time);
      in_run += time;
    } else if (name == "prepare") {  // while the sandbox was acquired
      add_step(name, root_id, at - acquired, time);
      at += std::max(time - acquired, microseconds(0));
    } else if (time.count() > 0) {
      add_step(name, root_id, at, time);
      if (name == "run") {
        run_id = spans.back().id;
        in_run = at;
      }
      at += time;
      if (name == "acquire") acquired = time;
    }
  }
  return spans;
}

std::string otlp_json(std::span<const RunRecord> runs, const std::string& service, const std::string& version) {
  json::array spans;
  for (const RunRecord& run : runs) {
    for (const RunSpan& span : spans_of(run, [] { return random_hex(8); })) spans.push_back(describe(span, run));
  }
  json::array resource;
  add(resource, "service.name", service);
  add(resource, "service.version", version);
  json::object scope_spans;
  scope_spans["scope"].emplace_object()["name"] = "kubecoderun";
  scope_spans["spans"] = std::move(spans);
  json::object resource_spans;
  resource_spans["resource"].emplace_object()["attributes"] = std::move(resource);
  resource_spans["scopeSpans"].emplace_array().push_back(std::move(scope_spans));
  json::object body;
  body["resourceSpans"].emplace_array().push_back(std::move(resource_spans));
  return json::serialize(body);
}

}  // namespace ci::metrics
