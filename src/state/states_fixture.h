#pragma once
// States over every pair of stores.

#include "state/states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/base64.h"
#include "base/sha256.h"
#include "state/memory.h"
#include "state/wire.h"
#include "store/testing/hooked_stores.h"
#include "store/testing/stores.h"

namespace ci::state {

using namespace std::chrono_literals;
using store::testing::Backend;

// With each backend, and with states that are all among the records or, when they are large, among the bodies.
class StatesTest : public ::testing::TestWithParam<std::tuple<Backend, bool>> {
 protected:
  void SetUp() override {
    const Backend backend = std::get<Backend>(GetParam());
    if (const std::string missing = store::testing::lacks(backend); !missing.empty()) GTEST_SKIP() << missing;
    backends_.emplace(backend);
    records_ = backends_->open_records(loop_);
    bodies_ = backends_->open_bodies(loop_);
    hooked_records_.emplace(*records_);
    hooked_bodies_.emplace(*bodies_);
    if (in_objects()) settings_.large = 10;
    turns_.emplace(loop_.executor(), *records_, turn_settings());
    other_turns_.emplace(loop_.executor(), *records_, turn_settings());
    restart();
  }

  static bool in_objects() { return std::get<bool>(GetParam()); }

  // Forgets what is in memory, as another replica or a new process would.
  void restart() {
    states_.emplace(*hooked_records_, *hooked_bodies_, loop_.pool(), *turns_, settings_);
    // Another replica, where there can be one.
    Turns& turns = backends_->shared() ? *other_turns_ : *turns_;
    other_.emplace(*records_, *bodies_, loop_.pool(), turns, settings_);
  }
  TurnSettings turn_settings() {
    TurnSettings settings;
    settings.shared = backends_->shared();
    return settings;
  }
  void TearDown() override {
    if (!turns_) return;
    loop_.run(turns_->stop());
    loop_.run(other_turns_->stop());
  }

  static UniqueFd captured(std::string_view bytes) {
    UniqueFd file = make_capture_file(50 << 20);
    append(file.get(), bytes);
    EXPECT_EQ(::ftruncate(file.get(), static_cast<off_t>(bytes.size())), 0);
    return file;
  }

  std::optional<Record> find() { return loop_.run(states_->find("s")); }

  std::optional<std::string> read() {
    auto record = find();
    if (!record) return std::nullopt;
    const UniqueFd file = loop_.run(states_->open("s", *record));
    if (!file) return std::nullopt;
    std::string bytes = read_whole(file.get(), record->size);
    EXPECT_EQ(sha256_hex(bytes), record->hash);
    return bytes;
  }

  std::optional<Summary> settle(std::string_view bytes, bool was_read = true) {
    return settle_after(find(), bytes, was_read);
  }
  std::optional<Summary> settle_after(std::optional<Record> prior, std::string_view bytes, bool was_read = true) {
    return loop_.run(states_->settle("s", turn_, prior, was_read, captured(bytes), "3.11 numpy"));
  }
  void upload(std::string bytes) { loop_.run(states_->upload("s", std::move(bytes), {})); }

  static std::string turn_token(const Turns::Turn& turn) {
    std::vector<store::Condition> conditions;
    turn.add_conditions(conditions);
    return conditions.empty() ? "" : conditions.front().value;
  }
  std::vector<std::string> objects(std::string prefix) {
    std::vector<std::string> keys;
    for (const auto& object : loop_.run(bodies_->list(std::move(prefix), "", 100)).objects) keys.push_back(object.key);
    return keys;
  }
  std::optional<std::string> value(std::string key) { return loop_.run(records_->get(std::move(key))); }
  // As if nobody had used the state for so long.
  void age(std::chrono::seconds time) {
    std::vector<store::Write> writes;
    for (const std::string& key : {data_key("s"), hash_key("s"), record_key("s")}) {
      writes.push_back(store::Write::expire(key, settings_.ttl - time));
    }
    writes.push_back(store::Write::remove("session:state-archive-lock"));
    loop_.run(records_->write(std::move(writes)));
  }
  void expire() {
    const Turns::Turn writing = loop_.run(turns_->take_to_write("s"));
    loop_.run(states_->forget("s", writing));
    restart();
  }

  store::testing::Loop loop_;
  std::optional<store::testing::Backends> backends_;
  std::unique_ptr<store::KeyValueStore> records_;
  std::unique_ptr<store::ObjectStore> bodies_;
  StateSettings settings_;
  std::optional<store::testing::HookedRecords> hooked_records_;
  std::optional<store::testing::HookedBodies> hooked_bodies_;
  std::optional<Turns> turns_, other_turns_;
  std::optional<States> states_, other_;
  const Turns::Turn turn_;  // of runs: nobody takes it away
  const std::string large_ = "\1" + std::string(200000, 'x');
};

}  // namespace ci::state
