#pragma once
// KeyValueStore in Redis 5 or later (also Valkey and what else speaks its protocol), for many replicas: a single server,
// one watched by sentinels, or a cluster. A value is a string, a hash a hash, a set a set; `key_prefix` stands before
// every key there and nowhere else.
//
// - What is durable, and when, is a matter of the server's configuration (appendonly, appendfsync, replicas).
// - write() is a transaction on one server. In a cluster each Write is one, and they happen in their order. A Write that
//   is refused, because the key holds another kind, does not undo the others.
// - After a lost connection, reads and write() are done again: done twice they come to the same. set_if_absent(),
//   remove_if_equal() and increment() are not: they fail as `unavailable`, done or not.
// - scan() gives about as many keys as the limit says, may give one twice, and may miss some when the server is replaced
//   on the way. In a cluster it goes through all masters.

#include <memory>

#include "store/key_value_store.h"
#include "store/redis/redis_settings.h"

namespace ci::store::redis {

// Nothing is connected yet. Fails as `invalid` when the settings make no sense or a file of TLS cannot be used.
std::unique_ptr<KeyValueStore> open(asio::any_io_executor executor, const RedisSettings& settings);

}  // namespace ci::store::redis
