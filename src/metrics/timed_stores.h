#pragma once
// Stores whose calls are timed, each under the name of its store and what it was for. Otherwise they are what they wrap.

#include <memory>

#include "metrics/figures.h"
#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::metrics {

// `name` is a literal; `figures` outlives the store.
std::unique_ptr<store::KeyValueStore> timed(
    std::unique_ptr<store::KeyValueStore> store, const char* name, Figures& figures);
std::unique_ptr<store::ObjectStore> timed(
    std::unique_ptr<store::ObjectStore> store, const char* name, Figures& figures);

}  // namespace ci::metrics
