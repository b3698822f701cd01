#pragma once
// The programs that are measured: a table. A new measurement of a run is a new row.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ci::bench {

struct Case {
  std::string_view group;  // "languages", "sequential" or "documents"
  std::string_view name;
  std::string_view language;
  // {n} is replaced by a number that no other request has, so that nothing remembered from another run helps.
  std::string_view source;
  std::string_view expected;  // what stdout must be; {n} as above
  int files = 0;              // that the run must leave
  bool same_source = false;   // every request has the same {n}: what is remembered may help
};

// Those of all groups. `languages` first.
const std::vector<Case>& cases();
const Case& case_named(std::string_view name);

// The parts of the table.
std::span<const Case> language_cases();
std::span<const Case> sequential_cases();
std::span<const Case> document_cases();

// A number that neither this process nor an earlier one has used. Any thread.
std::uint64_t fresh_number();

// `text` with every {n} replaced.
std::string numbered(std::string_view text, std::uint64_t number);

// The body of a request to /exec.
std::string request_body(const Case& which, std::uint64_t number);

}  // namespace ci::bench
