#pragma once
// History for many replicas, in the key-value store that they share: hashes of sums for each hour and each day, to which every
// replica adds. Runs by themselves are not kept: a store in memory is the wrong place for them, and the log has them.

#include <memory>

#include "metrics/history.h"
#include "store/key_value_store.h"

namespace ci::metrics {

std::unique_ptr<History> open_shared_history(store::KeyValueStore& store, Retention retention);

}  // namespace ci::metrics
