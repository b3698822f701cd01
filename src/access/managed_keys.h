#pragma once
// All that a server knows of managed keys, over one store: their records, what requests remember of these, and how often
// each may be used.

#include "access/key_records.h"
#include "access/key_ring.h"
#include "access/rate_limiter.h"

namespace ci::access {

struct ManagedKeys {
  explicit ManagedKeys(store::KeyValueStore& kept) : store(kept), records(kept), ring(records), limiter(kept) {}
  ManagedKeys(const ManagedKeys&) = delete;
  ManagedKeys& operator=(const ManagedKeys&) = delete;

  store::KeyValueStore& store;
  KeyRecords records;
  KeyRing ring;
  RateLimiter limiter;
};

}  // namespace ci::access
