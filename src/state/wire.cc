#include "state/wire.h"

#include <algorithm>

namespace ci::state {

bool is_known_version(unsigned char first_byte) { return first_byte == 1 || first_byte == 2; }

bool is_state_id(std::string_view id) {
  // The index of all sessions is kept under a name of that form.
  return !id.empty() && id.size() <= 64 && id != "index" && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace ci::state
