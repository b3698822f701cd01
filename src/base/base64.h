#pragma once
// Base64 of RFC 4648. Pure functions; large inputs take milliseconds.

#include <optional>
#include <string>
#include <string_view>

namespace ci {

// With padding and without line ends. Decoding takes nothing else.
std::string encode_base64(std::string_view bytes);
std::optional<std::string> decode_base64(std::string_view text);

// The alphabet for addresses, without padding.
std::string encode_base64_url(std::string_view bytes);
// Either alphabet, with padding, with some of it or without: what strangers send.
std::optional<std::string> decode_any_base64(std::string_view text);

}  // namespace ci
