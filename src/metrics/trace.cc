#include "metrics/trace.h"

#include <algorithm>

namespace ci::metrics {

namespace {

bool is_hexadecimal(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == text.npos; }

}  // namespace

// "00-<trace>-<parent>-<flags>"; later versions may have more behind that.
std::optional<TraceContext> parse_traceparent(std::string_view header) {
  constexpr std::size_t length = 55;
  if (header.size() < length || header[2] != '-' || header[35] != '-' || header[52] != '-') return std::nullopt;
  const std::string_view version = header.substr(0, 2), trace = header.substr(3, 32), parent = header.substr(36, 16);
  const std::string_view flags = header.substr(53, 2);
  if (!is_hexadecimal(version) || version == "ff" || !is_hexadecimal(trace) || !is_hexadecimal(parent) ||
      !is_hexadecimal(flags)) {
    return std::nullopt;
  }
  if (header.size() > length && (version == "00" || header[length] != '-')) return std::nullopt;
  if (is_zero(trace) || is_zero(parent)) return std::nullopt;
  TraceContext context;
  context.trace_id = trace;
  context.parent_id = parent;
  const char last = flags[1];
  const int value = last <= '9' ? last - '0' : last - 'a' + 10;
  context.sampled = (value & 1) != 0;
  return context;
}

}  // namespace ci::metrics
