#include "store/open.h"

#include "store/filesystem/filesystem_store.h"
#include "store/redis/redis_store.h"
#include "store/redis/target.h"
#include "store/s3/s3_store.h"
#include "store/sqlite/sqlite_store.h"

namespace ci::store {

std::unique_ptr<KeyValueStore> open_sqlite(const std::filesystem::path& directory, asio::thread_pool& pool) {
  return sqlite::open(directory, pool, sqlite::Options());
}

std::unique_ptr<ObjectStore> open_filesystem(const std::filesystem::path& directory, asio::thread_pool& pool) {
  return filesystem::open(directory, pool);
}

std::unique_ptr<KeyValueStore> open_redis(asio::any_io_executor executor, const RedisSettings& settings) {
  return redis::open(std::move(executor), settings);
}

void check_settings(const RedisSettings& settings) { redis::resolve(settings); }

std::string describe(const RedisSettings& settings) { return redis::resolve(settings).description(); }

std::unique_ptr<ObjectStore> open_s3(
    const s3::S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool) {
  return s3::open(settings, std::move(executor), pool);
}

}  // namespace ci::store
