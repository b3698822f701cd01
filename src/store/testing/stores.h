#pragma once
// Where servers keep their records and bodies, in the three ways that are in use. What is built on both stores is
// tested with each of them: a class takes a Backend as its parameter, skips when lacks() has something to say, and
// opens the stores from Backends. The servers behind them are real, and go with their owner.

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "store/open.h"
#include "store/s3/testing/real_server.h"
#include "store/testing/loop.h"
#include "store/testing/redis_server.h"

namespace ci::store::testing {

enum class Backend { embedded, redis_and_disk, redis_and_s3 };
inline constexpr std::array all_backends = {Backend::embedded, Backend::redis_and_disk, Backend::redis_and_s3};

// For names of tests.
inline std::string name_of(Backend backend) {
  switch (backend) {
    case Backend::embedded:
      return "Embedded";
    case Backend::redis_and_disk:
      return "RedisAndDisk";
    case Backend::redis_and_s3:
      return "RedisAndS3";
  }
  std::unreachable();
}

// What this machine does not have for it; empty: nothing.
inline std::string lacks(Backend backend) {
  if (backend == Backend::embedded) return "";
  if (!RedisServer::is_installed()) return "redis-server is not installed";
  if (backend == Backend::redis_and_s3 && !s3::testing::has_real_server()) return s3::testing::no_real_server;
  return "";
}

// Outlives the stores that are opened from it.
class Backends {
 public:
  explicit Backends(Backend backend) {
    if (backend != Backend::embedded) redis_.emplace();
    if (backend == Backend::redis_and_s3) bucket_.emplace();
  }

  // Whether several processes can use the records at once.
  bool shared() const { return redis_.has_value(); }

  // Each call opens the same records, and the same bodies, once more: another replica's way to them. SQLite wants to be
  // opened once.
  std::unique_ptr<KeyValueStore> open_records(Loop& loop) {
    if (!redis_) return open_sqlite(directory_.path() / "records", loop.pool());
    RedisSettings settings;
    settings.host = "127.0.0.1";
    settings.port = redis_->port();
    return open_redis(loop.executor(), settings);
  }
  std::unique_ptr<ObjectStore> open_bodies(Loop& loop) {
    if (!bucket_) return open_filesystem(directory_.path() / "bodies", loop.pool());
    return open_s3(bucket_->settings(), loop.executor(), loop.pool());
  }

 private:
  TemporaryDirectory directory_;
  std::optional<RedisServer> redis_;
  std::optional<s3::testing::Bucket> bucket_;
};

}  // namespace ci::store::testing
