#pragma once
// A run as spans of a trace, in the JSON form of OTLP (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). Pure.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "metrics/run_record.h"

namespace ci::metrics {

struct RunSpan {
  RunSpan() = default;
  std::string id, parent;  // 16 hexadecimal digits; no parent: the root
  std::string name;
  std::chrono::system_clock::time_point begin, end;
};

// The run itself first, then each step of it. Steps are laid one after the other as their times say; what the sandbox did lies in
// "run". `new_id` makes 16 hexadecimal digits.
std::vector<RunSpan> spans_of(const RunRecord& run, const std::function<std::string()>& new_id);

// The body of a request to /v1/traces. Runs have a trace id.
std::string otlp_json(std::span<const RunRecord> runs, const std::string& service, const std::string& version);

}  // namespace ci::metrics
