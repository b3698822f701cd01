#pragma once
// Small records under text keys, shared by all replicas that use the same store. Implemented by sqlite/ (one
// machine) and, later, redis/ (many). Sessions, file records, state marks, keys and limits are written once on
// top of it. Called on the I/O thread; every call suspends instead of blocking. Every call can fail as
// `unavailable`; a write that returned is durable.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/async.h"

namespace ci::store {

using Ttl = std::optional<std::chrono::milliseconds>;  // nothing: for ever
using Fields = std::vector<std::pair<std::string, std::string>>;

// One write of a batch. Built by the functions below.
struct Write {
  enum class Kind { set, set_fields, remove, add_member, remove_member, expire };
  Kind kind;
  std::string key;
  std::string value;  // set: the value; add_member, remove_member: the member
  Fields fields;      // set_fields
  Ttl ttl;            // set, set_fields, expire

  static Write set(std::string key, std::string value, Ttl ttl = {});
  // Sets these fields of the hash at `key`, keeps its others.
  static Write set_fields(std::string key, Fields fields, Ttl ttl = {});
  static Write remove(std::string key);  // of any type
  static Write add_member(std::string key, std::string member);
  static Write remove_member(std::string key, std::string member);
  static Write expire(std::string key, Ttl ttl);  // nothing: never

 private:
  Write(Kind k, std::string name) : kind(k), key(std::move(name)) {}
};

class KeyValueStore {
 public:
  virtual ~KeyValueStore() = default;

  // Absence, also of what has expired: nothing, or an empty list.
  virtual awaitable<std::optional<std::string>> get(std::string key) = 0;
  virtual awaitable<std::optional<Fields>> get_fields(std::string key) = 0;
  virtual awaitable<std::vector<std::string>> members(std::string key) = 0;
  virtual awaitable<std::optional<std::chrono::milliseconds>> remaining(std::string key) = 0;

  // All of them or, after a crash, none (sqlite); in order and each durable on return (redis).
  virtual awaitable<void> write(std::vector<Write> writes) = 0;

  // True when this call set it. For locks and leases.
  virtual awaitable<bool> set_if_absent(std::string key, std::string value, Ttl ttl) = 0;
  // True when the key held `expected` and is now removed. Ends a lease that is still ours.
  virtual awaitable<bool> remove_if_equal(std::string key, std::string expected) = 0;
  // Adds `by` and returns the sum; the first call of a window sets its life.
  virtual awaitable<std::int64_t> increment(std::string key, std::int64_t by, Ttl window) = 0;

  // Up to `limit` keys with `prefix`, in no order; continue with the returned cursor until it is empty.
  struct Page {
    std::vector<std::string> keys;
    std::string cursor;
  };
  virtual awaitable<Page> scan(std::string prefix, std::string cursor, int limit) = 0;

  // A cheap round trip, for health.
  virtual awaitable<void> ping() = 0;
};

}  // namespace ci::store
