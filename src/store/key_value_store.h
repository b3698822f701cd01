#pragma once
// Small records under text keys, shared by all replicas that use the same store. Implemented by sqlite/ (one
// machine) and redis/ (many). Sessions, file records, state marks, keys and limits are written once on
// top of it. Called on the I/O thread; every call suspends instead of blocking. Every call can fail as
// `unavailable` (also when the disk is full; as `internal` when the data is damaged); a write that
// returned is durable.
//
// A key holds one kind: a value, a hash, a set or places, until it is removed or expires. Another kind's operation on it is
// a bug of ours and fails as `internal`; only set and remove take any kind. A key that expired counts as absent.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/async.h"
#include "store/facts.h"

namespace ci::store {

using Ttl = std::optional<std::chrono::milliseconds>;  // nothing: for ever
using Fields = std::vector<std::pair<std::string, std::string>>;

// One write of a batch. Built by the functions below.
struct Write {
  enum class Kind { set, set_fields, add_to_field, remove, add_member, remove_member, expire };
  Kind kind;
  std::string key;
  std::string value;  // set: the value; add_member, remove_member: the member
  Fields fields;      // set_fields; add_to_field: the field's name, and how much
  Ttl ttl;            // set, set_fields, expire

  // Replaces whatever was there and its life.
  static Write set(std::string key, std::string value, Ttl ttl = {});
  // Sets these fields of the hash at `key`, keeps its others; without `ttl` it keeps its life too.
  static Write set_fields(std::string key, Fields fields, Ttl ttl = {});
  // Adds to a field of the hash at `key` that holds a number, or none yet. Done again after a lost connection it may count
  // twice: for figures that people look at, not for limits.
  static Write add_to_field(std::string key, std::string field, std::int64_t by);
  static Write remove(std::string key);  // of any type
  static Write add_member(std::string key, std::string member);
  static Write remove_member(std::string key, std::string member);
  static Write expire(std::string key, Ttl ttl);  // nothing: never

 private:
  Write(Kind k, std::string name) : kind(k), key(std::move(name)) {}
};

// One of the counters that increment_all() moves together.
struct Counter {
  Counter(std::string name, std::int64_t amount, Ttl life, std::optional<std::int64_t> most = {})
      : key(std::move(name)), by(amount), window(life), limit(most) {}
  std::string key;
  std::int64_t by;
  Ttl window;                         // of a counter that begins now
  std::optional<std::int64_t> limit;  // the sum may reach it, not pass it
};

struct Counted {
  Counted() = default;
  std::optional<std::size_t> refused;  // the first counter that would have passed its limit: nothing was added to any
  std::vector<std::int64_t> sums;      // of each counter, as it is now
};

// What a key must hold for writes to happen.
struct Condition {
  Condition(std::string name, std::string text) : key(std::move(name)), value(std::move(text)) {}
  std::string key, value;
};

class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;

  // Absence, also of what has expired: nothing, or an empty list. remaining() is nothing too for a key that has no
  // end.
  virtual awaitable<std::optional<std::string>> get(std::string key) = 0;
  virtual awaitable<std::optional<Fields>> get_fields(std::string key) = 0;
  // The same for many keys, in their order; a backend makes one round trip of it. The default asks one by one, so
  // that small fakes need not have it.
  virtual awaitable<std::vector<std::optional<Fields>>> get_fields_of_all(std::vector<std::string> keys);
  virtual awaitable<std::vector<std::string>> members(std::string key) = 0;
  virtual awaitable<std::optional<std::chrono::milliseconds>> remaining(std::string key) = 0;

  // All of them or, after a crash or a refusal, none (sqlite); in order, see redis_store.h for more (redis).
  virtual awaitable<void> write(std::vector<Write> writes) = 0;

  // The same when every key of `conditions` holds its value, in one step with that look: a lease that was lost a moment ago
  // protects what its next holder wrote. False, and nothing is written, when one does not. In a Redis cluster, where keys are on
  // many servers, the look comes right before the writes.
  virtual awaitable<bool> write_if(std::vector<Condition> conditions, std::vector<Write> writes) = 0;

  // True when this call set it. For locks and leases.
  virtual awaitable<bool> set_if_absent(std::string key, std::string value, Ttl ttl) = 0;
  // True when the key held `expected` and is now removed. Ends a lease that is still ours.
  virtual awaitable<bool> remove_if_equal(std::string key, std::string expected) = 0;
  // Adds `by` and returns the sum; the first call of a window sets its life.
  virtual awaitable<std::int64_t> increment(std::string key, std::int64_t by, Ttl window) = 0;
  // Adds to all counters, or to none when one would pass its limit: one step and one round trip, however many there are.
  // No limit is ever passed, whoever else counts at the same time. Only a Redis cluster cannot do it in one step: there
  // somebody who is refused may for a moment take the room of somebody who would not have been.
  virtual awaitable<Counted> increment_all(std::vector<Counter> counters) = 0;

  // Places of which a key has a bounded number, for what may go on at the same time. True when `holder` has one from now on for
  // `lease`: it had one already, or fewer than `most` others have one whose lease has not ended. One step and one round trip;
  // doing it again renews the lease, and is harmless after a lost connection.
  virtual awaitable<bool> take_place(
      std::string key, std::string holder, std::int64_t most, std::chrono::milliseconds lease) = 0;
  virtual awaitable<void> leave_place(std::string key, std::string holder) = 0;

  // About `limit` keys with `prefix`, or none, in no order; continue with the returned cursor until it is empty.
  struct Page {
    std::vector<std::string> keys;
    std::string cursor;
  };
  virtual awaitable<Page> scan(std::string prefix, std::string cursor, int limit) = 0;
  // The same for the members of a set, which stand in `keys`. One that is there all the while is seen, perhaps twice; one that
  // comes or goes meanwhile may be seen.
  virtual awaitable<Page> scan_members(std::string key, std::string cursor, int limit) = 0;

  // A cheap round trip, for health.
  virtual awaitable<void> ping() = 0;
  // The same, and what the store tells of itself. The default tells nothing, for small fakes.
  virtual awaitable<Facts> facts();
};

}  // namespace ci::store
