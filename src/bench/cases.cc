#include "bench/cases.h"

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <ctime>

#include "base/failure.h"

namespace ci::bench {

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> cases;
    for (const auto part : {language_cases(), sequential_cases(), document_cases()}) {
      cases.insert(cases.end(), part.begin(), part.end());
    }
    return cases;
  }();
  return all;
}

const Case& case_named(std::string_view name) {
  const auto found = std::ranges::find(cases(), name, &Case::name);
  CHECK(found != cases().end());
  return *found;
}

std::uint64_t fresh_number() {
  // Not a counter alone: a server that has been measured before has seen small numbers.
  static const std::uint64_t offset = static_cast<std::uint64_t>(std::time(nullptr)) * 1'000'000;
  static std::atomic<std::uint64_t> counter = 0;
  return offset + ++counter;
}

std::string numbered(std::string_view text, std::uint64_t number) {
  constexpr std::string_view place = "{n}";
  std::string result;
  for (;;) {
    const size_t found = text.find(place);
    result += text.substr(0, found);
    if (found == text.npos) return result;
    result += std::to_string(number);
    text.remove_prefix(found + place.size());
  }
}

std::string request_body(const Case& which, std::uint64_t number) {
  boost::json::object body;
  body["lang"] = which.language;
  body["code"] = numbered(which.source, number);
  return boost::json::serialize(body);
}

}  // namespace ci::bench
