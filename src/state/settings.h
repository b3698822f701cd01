#pragma once
// What an operator may change about the states of Python sessions.

#include <chrono>
#include <cstdint>
#include <optional>

namespace ci::state {

struct StateSettings {
  bool enabled = true;
  std::chrono::seconds ttl{7200};       // at hand, after the last use
  std::uint64_t size_limit = 50 << 20;  // of the wire bytes
  bool capture_on_error = false;
  bool archive = true;
  std::chrono::seconds archive_after{3600};
  std::chrono::hours archive_ttl{7 * 24};
  std::chrono::seconds archive_interval{300};
  // States above this size are kept at hand in the object store, and the key-value store has their place. Nothing: all
  // are in the key-value store, as other programs that use it expect.
  std::optional<std::uint64_t> large;
  // Bytes of states that were used lately and are still in memory, in the form in which sandboxes get them.
  std::uint64_t memory = 128 << 20;
  std::size_t memory_entries = 1024;  // and no more than so many: each holds a descriptor
};

}  // namespace ci::state
