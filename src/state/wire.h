#pragma once
// The form in which a session's state travels and is stored: a byte for the version, then a pickle that only a sandbox
// ever reads. To us it is bytes with a size, a first byte and a hash. Pure functions; large inputs take milliseconds.

#include <cstdint>
#include <string_view>

namespace ci::state {

inline constexpr std::uint64_t shortest_state = 2;

// 1: plain; 2: one LZ4 frame.
bool is_known_version(unsigned char first_byte);

// Ids that clients may name in /state/{id}: 1 to 64 of [A-Za-z0-9_-]. They become part of keys.
bool is_state_id(std::string_view id);

}  // namespace ci::state
