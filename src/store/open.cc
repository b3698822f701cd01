#include "store/open.h"

#include "store/filesystem/filesystem_store.h"
#include "store/sqlite/sqlite_store.h"

namespace ci::store {

std::unique_ptr<KeyValueStore> open_sqlite(const std::filesystem::path& directory, asio::thread_pool& pool) {
  return sqlite::open(directory, pool, sqlite::Options());
}

std::unique_ptr<ObjectStore> open_filesystem(const std::filesystem::path& directory, asio::thread_pool& pool) {
  return filesystem::open(directory, pool);
}

}  // namespace ci::store
