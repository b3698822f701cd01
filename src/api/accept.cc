#include "api/accept.h"

#include <charconv>
#include <string>

#include "base/ascii.h"

namespace ci::api {

namespace {

// The part in front of `mark`, which is taken off `rest` together with it.
std::string_view next(std::string_view& rest, char mark) {
  const std::size_t end = rest.find(mark);
  const std::string_view part = rest.substr(0, end);
  rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
  return trimmed(part, " \t");
}

// 3: named, 2: its kind is, 1: anything is; 0: it is not meant.
int closeness(std::string_view range, std::string_view type) {
  if (same_word(range, type)) return 3;
  if (range == "*/*") return 1;
  const std::string kind = std::string(type.substr(0, type.find('/'))) + "/*";
  return same_word(range, kind) ? 2 : 0;
}

}  // namespace

double wanted(std::string_view accept, std::string_view type) {
  if (trimmed(accept, " \t").empty()) return 1;
  double value = 0;
  int best = 0;
  while (!accept.empty()) {
    std::string_view entry = next(accept, ',');
    const int close = closeness(next(entry, ';'), type);
    double weight = 1;
    while (!entry.empty()) {
      const std::string_view parameter = next(entry, ';');
      if (parameter.starts_with("q=") || parameter.starts_with("Q=")) {
        std::from_chars(parameter.data() + 2, parameter.data() + parameter.size(), weight);
      }
    }
    if (close > best) {
      best = close;
      value = weight;
    }
  }
  return value;
}

}  // namespace ci::api
