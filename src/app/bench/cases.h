#pragma once
// What is measured: a table. A new measurement is a new row.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ci::bench {

struct Case {
  std::string_view name;
  std::string_view language;
  std::string_view source;    // {n} is replaced by a number, so that no two requests are alike
  std::string_view expected;  // what stdout must be; {n} as above
};

std::span<const Case> cases();

// `text` with every {n} replaced.
std::string numbered(std::string_view text, std::uint64_t number);

// The body of a request to /exec.
std::string request_body(const Case& which, std::uint64_t number);

}  // namespace ci::bench
