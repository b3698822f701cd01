#pragma once
// The one place that knows the backends.

#include <filesystem>
#include <memory>
#include <string>

#include "base/async.h"
#include "store/key_value_store.h"
#include "store/object_store.h"
#include "store/redis/redis_settings.h"
#include "store/s3/settings.h"

namespace ci::store {

// Both keep their data below `directory` (made when missing, mode 0700) and run blocking calls on `pool`.
// Opening repairs what a crash left: temporary files are removed, the SQLite log is replayed.
std::unique_ptr<KeyValueStore> open_sqlite(const std::filesystem::path& directory, asio::thread_pool& pool);
std::unique_ptr<ObjectStore> open_filesystem(const std::filesystem::path& directory, asio::thread_pool& pool);

// Records that many replicas share. Connects when it is first used, so an unreachable server fails the calls and not
// this. Fails as `invalid` when the settings make no sense or a file of TLS cannot be used.
std::unique_ptr<KeyValueStore> open_redis(asio::any_io_executor executor, const RedisSettings& settings);
// The same look at the settings, without opening anything.
void check_settings(const RedisSettings& settings);
// "redis at db:6379, database 2, TLS": no secrets. Fails like check_settings().
std::string describe(const RedisSettings& settings);
// In a bucket; hashes on `pool`, does everything else on `executor`. Nothing is asked of the server before the first
// call. Settings that cannot work fail as `invalid`.
std::unique_ptr<ObjectStore> open_s3(
    const s3::S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool);

}  // namespace ci::store
