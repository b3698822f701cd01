#include "api/redact.h"

#include <algorithm>

namespace ci::api {

std::string without_paths(std::string_view text) {
  constexpr std::string_view before = " \"'(=", after = " \"'),;:";
  std::string result;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool begins = text[at] == '/' && (at == 0 || before.contains(text[at - 1]));
    result += begins ? "…" : std::string(1, text[at]);
    if (begins) at = std::min(text.find_first_of(after, at), text.size()) - 1;
  }
  return result;
}

}  // namespace ci::api
