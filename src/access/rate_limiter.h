#pragma once
// Counts the requests of managed keys by the periods of the calendar, and refuses those above a limit: exact, also among
// replicas, and one round trip to the store however many limits a key has. I/O thread only.
//
// A key without limits costs no round trip: its uses are added up here and written every second, like the figures that
// people look at of all keys (how often, and when last). At most one second of those is lost when the process is killed.

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "access/limits.h"
#include "store/key_value_store.h"

namespace ci::access {

struct RateRefusal {
  RateRefusal() = default;
  Period period = Period::second;
  std::int64_t limit = 0;
  std::int64_t used = 0;
  std::chrono::system_clock::time_point reset;
  std::chrono::seconds wait{1};  // until then, rounded up
};

class RateLimiter {
 public:
  explicit RateLimiter(store::KeyValueStore& store) : store_(store) {}

  // Counts one request of the key with this hash, or says which limit is reached. Fails as the store does.
  awaitable<std::optional<RateRefusal>> admit(
      std::string hash, RateLimits limits, std::chrono::system_clock::time_point now);

  // The key was used; written by the next flush().
  void note_use(const std::string& hash, std::chrono::system_clock::time_point now);

  // Writes what was noted. What could not be written is written the next time. To be called every second and at the end.
  awaitable<void> flush();

 private:
  using Windows = std::map<std::string, std::pair<std::int64_t, Period>>;  // counters' names: how much, of which period
  struct Noted {
    std::int64_t uses = 0;
    std::chrono::system_clock::time_point last;
    Windows windows;
  };

  static void add_counters(std::vector<store::Counter>& counters, const Windows& windows);
  static void put_back(Noted& noted, const Windows& windows);
  awaitable<void> write(std::map<std::string, Noted>& noted);
  awaitable<void> write_windows(std::string hash);

  store::KeyValueStore& store_;
  std::map<std::string, Noted> noted_;  // by the hash of the key
};

}  // namespace ci::access
