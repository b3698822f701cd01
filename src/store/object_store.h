#pragma once
// File bodies under a key: "sessions/<session>/uploads/<file>". Implemented by filesystem/ (one machine) and,
// later, s3/ (many). Called on the I/O thread; every call suspends instead of blocking.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/byte_source.h"

namespace ci::store {

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
  std::chrono::system_clock::time_point modified;
};

struct OpenObject {
  OpenObject(std::uint64_t bytes, std::unique_ptr<ByteSource> source) : size(bytes), body(std::move(source)) {}
  std::uint64_t size;
  std::unique_ptr<ByteSource> body;
};

struct StoredObject {
  std::uint64_t size = 0;
  std::string sha256;  // lower-case hex
};

// Whether a store takes this key: what the comment of put() says, at most 240 characters, no "." or ".." segment.
// For keys that were read from records somebody else may have written.
inline constexpr std::size_t longest_object_key = 240;
bool is_object_key(std::string_view key);

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Stores all of `source`, replacing an older object once the last byte is durable. More than `limit` bytes
  // fails as `exhausted` and leaves the older object, if any, and nothing else. Keys are made by us:
  // segments of [A-Za-z0-9._-] joined by '/'; anything else is a CHECK.
  virtual awaitable<StoredObject> put(std::string key, ByteSource& source, std::uint64_t limit) = 0;

  virtual awaitable<std::optional<OpenObject>> open(std::string key) = 0;
  virtual awaitable<std::optional<ObjectInfo>> head(std::string key) = 0;
  virtual awaitable<void> remove(std::string key) = 0;  // absent is fine
  // In no order; continue with the cursor until it is empty.
  struct Page {
    std::vector<ObjectInfo> objects;
    std::string cursor;
  };
  virtual awaitable<Page> list(std::string prefix, std::string cursor, int limit) = 0;
  virtual awaitable<void> ping() = 0;
};

}  // namespace ci::store
