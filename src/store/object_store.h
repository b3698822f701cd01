#pragma once
// File bodies under a key: "sessions/<session>/uploads/<file>". Implemented by filesystem/ (one machine) and s3/
// (many). Called on the I/O thread; every call suspends instead of blocking. Every call can fail as `unavailable`
// (the store cannot be reached, does not answer in time or is full) or `internal` (it refuses us).

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/byte_source.h"
#include "store/facts.h"

namespace ci::store {

// A few words that are stored and replaced together with the object: {"original-size": "1024"}. Names of [a-z0-9-]
// (an underscore that another program wrote is read as a hyphen, since some servers do not tell them apart), values of
// visible ASCII, not empty; together at most `longest_metadata` characters. Anything else is a CHECK.
using Metadata = std::map<std::string, std::string>;
inline constexpr std::size_t longest_metadata = 1500;
bool is_metadata(const Metadata& metadata);
// The one name that is for others: what the object is to whoever reads the bucket without us. A store that nobody else reads does
// not keep it, and nobody is told of it again.
inline constexpr const char* content_type_name = "content-type";

struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
  std::chrono::system_clock::time_point modified;
  Metadata metadata;  // head() only; list() leaves it empty
};

// Part of an object: `length` bytes from `offset`, cut where the object ends.
struct Range {
  std::uint64_t offset = 0;
  std::uint64_t length = std::numeric_limits<std::uint64_t>::max();

  bool whole() const { return *this == Range(); }
  friend bool operator==(const Range&, const Range&) = default;
};

struct OpenObject {
  OpenObject(std::uint64_t bytes, std::unique_ptr<ByteSource> source)
      : size(bytes), total(bytes), body(std::move(source)) {}
  std::uint64_t size;   // what `body` gives
  std::uint64_t total;  // of the whole object; differs from `size` when a range was asked for
  std::unique_ptr<ByteSource> body;
  Metadata metadata;
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
  virtual awaitable<StoredObject> put(std::string key, ByteSource& source, std::uint64_t limit, Metadata metadata) = 0;
  awaitable<StoredObject> put(std::string key, ByteSource& source, std::uint64_t limit) {
    return put(std::move(key), source, limit, Metadata());
  }

  // The body is read in pieces as they are wanted, from the object as it was now; one that is replaced or removed
  // meanwhile is read to its end, or fails as `unavailable`. A range behind the end gives an empty body.
  virtual awaitable<std::optional<OpenObject>> open(std::string key, Range range) = 0;
  awaitable<std::optional<OpenObject>> open(std::string key) { return open(std::move(key), Range()); }
  virtual awaitable<std::optional<ObjectInfo>> head(std::string key) = 0;
  virtual awaitable<void> remove(std::string key) = 0;  // absent is fine
  // In no order; continue with the cursor until it is empty.
  struct Page {
    std::vector<ObjectInfo> objects;
    std::string cursor;
  };
  virtual awaitable<Page> list(std::string prefix, std::string cursor, int limit) = 0;
  virtual awaitable<void> ping() = 0;
  // The same, and what the store tells of itself. The default tells nothing, for small fakes.
  virtual awaitable<Facts> facts();
};

}  // namespace ci::store
