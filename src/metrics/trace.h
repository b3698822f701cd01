#pragma once
// Where a request belongs in a trace: W3C Trace Context, https://www.w3.org/TR/trace-context/.

#include <optional>
#include <string>
#include <string_view>

namespace ci::metrics {

struct TraceContext {
  TraceContext() = default;
  std::string trace_id;   // 32 hexadecimal digits; empty: it belongs to none
  std::string parent_id;  // 16: the span that it was sent by
  bool sampled = false;
};

// What a "traceparent" header says; nothing when it says nothing that the specification knows.
std::optional<TraceContext> parse_traceparent(std::string_view header);

}  // namespace ci::metrics
