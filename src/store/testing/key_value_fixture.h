#pragma once
// What every test of a key-value store starts with. The harness says how to open one and how to move its time.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/key_value_store.h"
#include "store/testing/loop.h"

namespace ci::store::testing {

using std::chrono::milliseconds;

template <class Harness>
class KeyValueSuite : public ::testing::Test {
 public:
  using Strings = std::vector<std::string>;

  void SetUp() override {
    if constexpr (requires { Harness::lacks(); }) {
      if (const std::string what = Harness::lacks(); !what.empty()) GTEST_SKIP() << what;
    }
    harness_.emplace();
  }

  template <class... Writes>
  void write(Writes... writes) {
    std::vector<Write> all{std::move(writes)...};
    loop().run(store().write(std::move(all)));
  }
  std::optional<std::string> get(std::string key) { return loop().run(store().get(std::move(key))); }
  std::optional<Fields> get_fields(std::string key) { return loop().run(store().get_fields(std::move(key))); }
  Strings members(std::string key) { return loop().run(store().members(std::move(key))); }
  std::optional<milliseconds> remaining(std::string key) { return loop().run(store().remaining(std::move(key))); }
  bool set_if_absent(std::string key, std::string value, Ttl ttl = {}) {
    return loop().run(store().set_if_absent(std::move(key), std::move(value), ttl));
  }
  bool remove_if_equal(std::string key, std::string expected) {
    return loop().run(store().remove_if_equal(std::move(key), std::move(expected)));
  }
  std::int64_t increment(std::string key, std::int64_t by, Ttl window = {}) {
    return loop().run(store().increment(std::move(key), by, window));
  }
  Strings scan_all(const std::string& prefix, int limit) {
    Strings keys;
    std::string cursor;
    do {
      auto page = loop().run(store().scan(prefix, cursor, limit));
      for (auto& key : page.keys) keys.push_back(std::move(key));
      cursor = std::move(page.cursor);
    } while (!cursor.empty());
    return keys;
  }

  KeyValueStore& store() { return harness_->store(); }
  Loop& loop() { return harness_->loop(); }
  void advance(milliseconds time) { harness_->advance(time); }

  static std::string odd_text() { return std::string("a\0b\xff\n:,'\"", 9); }

 private:
  std::optional<Harness> harness_;
};

}  // namespace ci::store::testing
