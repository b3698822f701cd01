#pragma once
// A store that does what it is told and, when asked to, seems not to: the answer to a write is lost.

#include <utility>

#include "base/failure.h"
#include "store/key_value_store.h"

namespace ci::store::testing {

class LostAnswers final : public KeyValueStore {
 public:
  explicit LostAnswers(KeyValueStore& real) : real_(real) {}

  int answered = -1;  // so many writes are answered; -1: all

  awaitable<std::optional<std::string>> get(std::string key) override { return real_.get(std::move(key)); }
  awaitable<std::optional<Fields>> get_fields(std::string key) override { return real_.get_fields(std::move(key)); }
  awaitable<std::vector<std::string>> members(std::string key) override { return real_.members(std::move(key)); }
  awaitable<std::optional<std::chrono::milliseconds>> remaining(std::string key) override {
    return real_.remaining(std::move(key));
  }
  awaitable<void> write(std::vector<Write> writes) override {
    co_await real_.write(std::move(writes));
    if (answered == 0) throw Failure(FailureKind::unavailable, "no answer in time");
    if (answered > 0) --answered;
  }
  awaitable<bool> set_if_absent(std::string key, std::string value, Ttl ttl) override {
    return real_.set_if_absent(std::move(key), std::move(value), ttl);
  }
  awaitable<bool> remove_if_equal(std::string key, std::string expected) override {
    return real_.remove_if_equal(std::move(key), std::move(expected));
  }
  awaitable<std::int64_t> increment(std::string key, std::int64_t by, Ttl window) override {
    return real_.increment(std::move(key), by, window);
  }
  awaitable<Page> scan(std::string prefix, std::string cursor, int limit) override {
    return real_.scan(std::move(prefix), std::move(cursor), limit);
  }
  awaitable<void> ping() override { return real_.ping(); }

 private:
  KeyValueStore& real_;
};

}  // namespace ci::store::testing
