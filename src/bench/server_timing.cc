#include "bench/server_timing.h"

#include <charconv>
#include <optional>

#include "base/ascii.h"

namespace ci::bench {

namespace {

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

// The text before the next `separator` that is not inside quotes; removes it from `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  bool quoted = false;
  size_t end = 0;
  for (; end < rest.size(); ++end) {
    if (rest[end] == '"') quoted = !quoted;
    if (rest[end] == separator && !quoted) break;
  }
  const std::string_view part = trimmed(rest.substr(0, end));
  rest.remove_prefix(end < rest.size() ? end + 1 : rest.size());
  return part;
}

}  // namespace

std::vector<std::pair<std::string, double>> parse_server_timing(std::string_view header) {
  std::vector<std::pair<std::string, double>> steps;
  while (!header.empty()) {
    std::string_view entry = take_until(header, ',');
    std::string_view name = unquoted(take_until(entry, ';'));
    std::optional<double> duration;
    while (!entry.empty()) {
      std::string_view value = take_until(entry, ';');
      const std::string_view parameter = take_until(value, '=');
      value = unquoted(trimmed(value));
      if (parameter == "desc" && !value.empty()) name = value;
      if (parameter == "dur") {
        double number = 0;
        const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        if (error == std::errc{} && end == value.data() + value.size()) duration = number;
      }
    }
    if (!name.empty() && duration) steps.emplace_back(name, *duration);
  }
  return steps;
}

}  // namespace ci::bench
