#pragma once
// The one place that knows the backends.

#include <filesystem>
#include <memory>

#include "base/async.h"
#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::store {

// Both keep their data below `directory` (made when missing, mode 0700) and run blocking calls on `pool`.
// Opening repairs what a crash left: temporary files are removed, the SQLite log is replayed.
std::unique_ptr<KeyValueStore> open_sqlite(const std::filesystem::path& directory, asio::thread_pool& pool);
std::unique_ptr<ObjectStore> open_filesystem(const std::filesystem::path& directory, asio::thread_pool& pool);

}  // namespace ci::store
