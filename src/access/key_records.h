#pragma once
// Keys that an administrator makes, changes and revokes while the server runs. They are kept in the key-value store in the
// layout of KubeCodeRun (api_keys:records:<hash> and its index), so that its tools and pages find them. The key itself is
// nowhere: only its SHA-256 is. Called on the I/O thread; every call can fail as the store does.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/limits.h"
#include "store/key_value_store.h"

namespace ci::access {

struct KeyRecord {
  KeyRecord() = default;

  std::string hash;    // SHA-256 of the key, 64 hexadecimal digits
  std::string prefix;  // the first letters of the key, by which people know it again
  std::string name;
  std::chrono::system_clock::time_point created;
  bool enabled = true;
  RateLimits limits;
  Ceilings ceilings;
  std::string metadata = "{}";  // a JSON object of text to text
  std::optional<std::chrono::system_clock::time_point> last_used;
  std::int64_t uses = 0;
  bool of_environment = false;  // cannot be changed here, is not limited

  std::string short_hash() const { return hash.substr(0, 16); }
};

// The digest under which a key is known, and the 16 digits of it that stand in counters and metrics.
std::string hash_of_key(std::string_view key);
std::string short_hash_of_key(std::string_view key);

// What an administrator may change; nothing stays as it is.
struct KeyChange {
  KeyChange() = default;
  std::optional<std::string> name;
  std::optional<bool> enabled;
  std::optional<RateLimits> limits;  // all five together
  std::optional<Ceilings> ceilings;
  std::optional<std::string> metadata;
};

class KeyRecords {
 public:
  explicit KeyRecords(store::KeyValueStore& store) : store_(store) {}

  // By its full hash, also one of the environment.
  awaitable<std::optional<KeyRecord>> find(std::string hash);
  // All, those of the environment first, then by their age.
  awaitable<std::vector<KeyRecord>> list();
  // The one that `id` means: a hash, its first 16 digits or more, or the beginning of a key. Nothing when there is none;
  // `invalid` when there are several.
  awaitable<std::optional<KeyRecord>> find_by_id(std::string id);

  // The new key in full: it is not kept, and nobody can say it again.
  struct Created {
    Created() = default;
    std::string key;
    KeyRecord record;
  };
  awaitable<Created> create(KeyChange wanted);
  // False when there is no such key. Takes effect in this process at once, in others within a second (key_ring.h).
  // Fails as `invalid` for one of the environment.
  awaitable<bool> update(std::string hash, KeyChange change);
  awaitable<bool> revoke(std::string hash);

  // Makes the records of the environment's keys those of `keys`: what was taken out of the environment is gone.
  awaitable<void> show_environment(std::vector<std::string> keys);

  static std::string record_key(std::string_view hash);
  static std::string counter_key(std::string_view short_hash, const Window& window);

 private:
  awaitable<std::vector<KeyRecord>> read(std::vector<std::string> hashes);

  store::KeyValueStore& store_;
};

// How often a key was used in the periods that run at `time`, in the order of all_periods.
awaitable<std::vector<std::int64_t>> usage_of(
    store::KeyValueStore& store, std::string short_hash, std::chrono::system_clock::time_point time);

}  // namespace ci::access
