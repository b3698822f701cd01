#pragma once
// The managed keys as requests find them: what the store says of a key is remembered for a second, so that a busy key
// costs one look-up a second and a change in another replica counts a second later. I/O thread only.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "access/key_records.h"

namespace ci::access {

class KeyRing {
 public:
  explicit KeyRing(KeyRecords& records) : records_(records) {}

  // The record of the managed key with this text, enabled or not; nothing when there is none. Fails as the store does.
  awaitable<std::optional<KeyRecord>> find(std::string_view key);

  // Forgets what it knows of a key that was changed in this process.
  void forget(const std::string& hash) { known_.erase(hash); }

 private:
  static constexpr std::chrono::seconds memory{1};
  static constexpr std::size_t most_known = 4096;

  struct Known {
    std::optional<KeyRecord> record;  // none: there is no such key
    std::chrono::steady_clock::time_point until;
  };

  KeyRecords& records_;
  std::map<std::string, Known> known_;  // by hash
};

}  // namespace ci::access
