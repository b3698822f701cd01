#include "app/bench/cases.h"

#include <array>
#include <boost/json.hpp>

namespace ci::bench {

namespace {

constexpr std::array<Case, 4> table = {{
    {"py hello", "py", "print('hello')  # {n}", "hello\n"},
    {"py numpy", "py", "import numpy as np\nprint(np.arange(11).mean())  # {n}", "5.0\n"},
    {"bash echo", "bash", "echo hello  # {n}", "hello\n"},
    {"js hello", "js", "console.log('hello')  // {n}", "hello\n"},
}};

}  // namespace

std::span<const Case> cases() { return table; }

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
