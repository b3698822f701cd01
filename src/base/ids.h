#pragma once
// Names of things. Thread-safe; the randomness of random ones is the kernel's.

#include <string>
#include <string_view>

namespace ci {

// 21 characters of [A-Za-z0-9_-], first and last alphanumeric: sessions, files, requests. They also serve as
// Kubernetes label values, and LibreChat refuses ids of any other length. About 125 bits.
std::string new_id();

// An id of the same form that is the same for the same text: whoever derives it twice means one thing.
std::string derived_id(std::string_view text);

// `bytes` random bytes as URL-safe base64 without padding: API keys.
std::string random_token(int bytes);

// Whether `text` could be an id that a client sends: 1 to 128 characters of [A-Za-z0-9_-].
bool is_plausible_id(std::string_view text);

}  // namespace ci
