#pragma once
// Stores that pass everything on to another and let a test do something just before or just after: wait, fail, or act
// as somebody else at the moment that matters. A hook that throws is a store that fails.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::store::testing {

// Gets the name of the operation and its key: of a write() the first, of list() and scan() the prefix.
using Hook = std::function<awaitable<void>(std::string operation, std::string key)>;

class HookedRecords final : public KeyValueStore {
 public:
  explicit HookedRecords(KeyValueStore& behind) : behind_(behind) {}

  Hook before, after;

  awaitable<std::optional<std::string>> get(std::string key) override {
    return around<std::optional<std::string>>("get", key, behind_.get(key));
  }
  awaitable<std::optional<Fields>> get_fields(std::string key) override {
    return around<std::optional<Fields>>("get_fields", key, behind_.get_fields(key));
  }
  awaitable<std::vector<std::string>> members(std::string key) override {
    return around<std::vector<std::string>>("members", key, behind_.members(key));
  }
  awaitable<std::optional<std::chrono::milliseconds>> remaining(std::string key) override {
    return around<std::optional<std::chrono::milliseconds>>("remaining", key, behind_.remaining(key));
  }
  awaitable<void> write(std::vector<Write> writes) override {
    const std::string key = writes.empty() ? "" : writes.front().key;
    if (before) co_await before("write", key);
    co_await behind_.write(std::move(writes));
    if (after) co_await after("write", key);
  }
  awaitable<bool> write_if(std::vector<Condition> conditions, std::vector<Write> writes) override {
    const std::string key = writes.empty() ? "" : writes.front().key;
    return around<bool>("write", key, behind_.write_if(std::move(conditions), std::move(writes)));
  }
  awaitable<bool> set_if_absent(std::string key, std::string value, Ttl ttl) override {
    return around<bool>("set_if_absent", key, behind_.set_if_absent(key, value, ttl));
  }
  awaitable<bool> remove_if_equal(std::string key, std::string expected) override {
    return around<bool>("remove_if_equal", key, behind_.remove_if_equal(key, expected));
  }
  awaitable<std::int64_t> increment(std::string key, std::int64_t by, Ttl window) override {
    return around<std::int64_t>("increment", key, behind_.increment(key, by, window));
  }
  awaitable<Counted> increment_all(std::vector<Counter> counters) override {
    const std::string key = counters.empty() ? "" : counters.front().key;
    return around<Counted>("increment_all", key, behind_.increment_all(std::move(counters)));
  }
  awaitable<bool> take_place(
      std::string key, std::string holder, std::int64_t most, std::chrono::milliseconds lease) override {
    return around<bool>("take_place", key, behind_.take_place(key, holder, most, lease));
  }
  awaitable<void> leave_place(std::string key, std::string holder) override {
    if (before) co_await before("leave_place", key);
    co_await behind_.leave_place(key, holder);
    if (after) co_await after("leave_place", key);
  }
  awaitable<Page> scan(std::string prefix, std::string cursor, int limit) override {
    return around<Page>("scan", prefix, behind_.scan(prefix, cursor, limit));
  }
  awaitable<Page> scan_members(std::string key, std::string cursor, int limit) override {
    return around<Page>("scan_members", key, behind_.scan_members(key, cursor, limit));
  }
  awaitable<void> ping() override { return behind_.ping(); }

 private:
  // What `work` does begins when it is awaited.
  template <class T>
  awaitable<T> around(std::string operation, std::string key, awaitable<T> work) {
    if (before) co_await before(operation, key);
    T result = co_await std::move(work);
    if (after) co_await after(operation, key);
    co_return result;
  }

  KeyValueStore& behind_;
};

class HookedBodies final : public ObjectStore {
 public:
  explicit HookedBodies(ObjectStore& behind) : behind_(behind) {}

  Hook before, after;

  using ObjectStore::open;
  using ObjectStore::put;
  awaitable<StoredObject> put(std::string key, ByteSource& source, std::uint64_t limit, Metadata metadata) override {
    return around<StoredObject>("put", key, behind_.put(key, source, limit, std::move(metadata)));
  }
  awaitable<std::optional<OpenObject>> open(std::string key, Range range) override {
    return around<std::optional<OpenObject>>("open", key, behind_.open(key, range));
  }
  awaitable<std::optional<ObjectInfo>> head(std::string key) override {
    return around<std::optional<ObjectInfo>>("head", key, behind_.head(key));
  }
  awaitable<void> remove(std::string key) override {
    if (before) co_await before("remove", key);
    co_await behind_.remove(key);
    if (after) co_await after("remove", key);
  }
  awaitable<Page> list(std::string prefix, std::string cursor, int limit) override {
    return around<Page>("list", prefix, behind_.list(prefix, cursor, limit));
  }
  awaitable<void> ping() override { return behind_.ping(); }

 private:
  template <class T>
  awaitable<T> around(std::string operation, std::string key, awaitable<T> work) {
    if (before) co_await before(operation, key);
    T result = co_await std::move(work);
    if (after) co_await after(operation, key);
    co_return result;
  }

  ObjectStore& behind_;
};

}  // namespace ci::store::testing
