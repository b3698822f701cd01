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
namespace {

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

const auto ways = ::testing::Combine(::testing::ValuesIn(store::testing::all_backends), ::testing::Bool());
INSTANTIATE_TEST_SUITE_P(Stores, StatesTest, ways, [](const auto& way) {
  return name_of(std::get<Backend>(way.param)) + (std::get<bool>(way.param) ? "ObjectsWhenLarge" : "Records");
});

TEST_P(StatesTest, KeepsWhatARunLeft) {
  EXPECT_EQ(find(), std::nullopt);
  const auto summary = settle(large_);
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->size, large_.size());
  EXPECT_EQ(summary->hash, sha256_hex(large_));
  EXPECT_EQ(read(), large_);
  restart();
  EXPECT_EQ(read(), large_);
  EXPECT_THAT(find()->modules, ::testing::ElementsAre("numpy"));
  EXPECT_EQ(find()->python, "3.11");
  EXPECT_EQ(value(hash_key("s")), summary->hash);
  if (!in_objects()) {
    EXPECT_EQ(decode_base64(value(data_key("s")).value_or("")), large_);
  }
}

TEST_P(StatesTest, KeepsOneBodyOnly) {
  settle(large_);
  settle(large_ + "2");
  settle("\1small");
  EXPECT_EQ(read(), "\1small");
  EXPECT_TRUE(objects("states-at-hand/").empty());
  settle(large_ + "3");
  loop_.run(states_->remove("s"));
  EXPECT_TRUE(objects("states-at-hand/").empty());
  EXPECT_EQ(find(), std::nullopt);
}

TEST_P(StatesTest, ConfirmsWhatDidNotChange) {
  const auto first = settle(large_);
  const auto again = settle("\1");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->hash, first->hash);
  EXPECT_EQ(again->size, first->size);
  EXPECT_EQ(read(), large_);
  expire();
  EXPECT_FALSE(settle("\1"));  // of what nobody had
}

TEST_P(StatesTest, TakesAnEmptyNamespaceForAWish) {
  EXPECT_FALSE(settle(""));
  settle(large_);
  EXPECT_FALSE(settle("", false));
  EXPECT_EQ(read(), large_) << "what could not be read was not emptied by the program";
  EXPECT_FALSE(settle(""));
  EXPECT_EQ(find(), std::nullopt);
}

TEST_P(StatesTest, KeepsTheOldStateWhenTheNewOneIsNone) {
  settle(large_);
  EXPECT_FALSE(settle("\3no state"));
  UniqueFd unfinished = make_capture_file(50 << 20);
  EXPECT_FALSE(loop_.run(states_->settle("s", turn_, find(), true, std::move(unfinished), "")));
  EXPECT_EQ(read(), large_);
}

TEST_P(StatesTest, PrefersAnUploadToARunThatBeganBefore) {
  settle("\1old");
  const auto prior = find();
  upload("\1up");
  EXPECT_EQ(value(uploaded_key("s")), "1");
  EXPECT_FALSE(settle_after(prior, "\1new"));
  EXPECT_EQ(read(), "\1up");
  EXPECT_TRUE(find()->from_upload);
  EXPECT_TRUE(settle("\1later"));
  EXPECT_EQ(read(), "\1later");
}

TEST_P(StatesTest, PrefersAnUploadToAnOlderRunThatKeepsNothing) {
  settle("\1old");
  age(2h - 1min);
  EXPECT_EQ(loop_.run(states_->archive_some()), 1);
  const auto prior = find();
  upload("\1up");
  EXPECT_FALSE(settle_after(prior, ""));
  EXPECT_EQ(read(), "\1up");
  EXPECT_EQ(objects("states/").size(), 1u);
  EXPECT_FALSE(settle(""));
  EXPECT_EQ(read(), std::nullopt) << "a run that began with it may";
}

// The upload comes when the run has looked whether there is one, and has not written yet.
TEST_P(StatesTest, PrefersAnUploadThatComesWhileARunIsBeingSaved) {
  settle("\1old");
  const auto prior = find();
  bool saving = false;
  hooked_records_->before = [&](std::string operation, std::string key) -> awaitable<void> {
    if (operation != "write" || key != data_key("s")) co_return;
    saving = true;
    co_await sleep_for(50ms);
  };
  auto save = [&]() -> awaitable<void> { co_await states_->settle("s", turn_, prior, true, captured("\1new"), ""); };
  auto upload_meanwhile = [&]() -> awaitable<void> {
    while (!saving) co_await sleep_for(1ms);
    std::vector<store::Write> nothing_else;
    co_await other_->upload("s", "\1up", std::move(nothing_else));
  };
  std::vector<awaitable<void>> works;
  works.push_back(save());
  works.push_back(upload_meanwhile());
  for (const auto& failure : loop_.run_together(std::move(works))) EXPECT_FALSE(failure);
  EXPECT_TRUE(saving);
  EXPECT_EQ(read(), "\1up");
}

TEST_P(StatesTest, DoesNotSaveWhatARunMadeThatLostItsTurn) {
  settle("\1old");
  TurnSettings several;
  several.shared = true;
  Turns turns(loop_.executor(), *records_, several);
  Turns::Turn turn = loop_.run(turns.take("s", false, after(5s)));
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set("session:state-lease:s", "of another replica", 10s));
  loop_.run(records_->write(std::move(writes)));
  EXPECT_FALSE(loop_.run(states_->settle("s", turn, find(), true, captured("\1new"), "")));
  EXPECT_FALSE(loop_.run(states_->settle("s", turn, find(), true, captured(""), "")));
  EXPECT_EQ(read(), "\1old");
  EXPECT_LE(objects("states-at-hand/").size(), 1u);
  turn = Turns::Turn();
  loop_.run(turns.stop());
}

// A virtual machine that stops between its last look at the lease and the write, for longer than the lease lives.
TEST_P(StatesTest, AWriteThatComesTooLateReplacesNothing) {
  settle("\1old");
  TurnSettings several;
  several.shared = true;
  Turns turns(loop_.executor(), *records_, several);
  Turns::Turn turn = loop_.run(turns.take("s", false, after(5s)));
  for (const std::string late : {"\1late", ""}) {
    const auto prior = find();
    bool stopped = false;
    hooked_records_->before = [&](std::string operation, std::string key) -> awaitable<void> {
      if (operation != "write" || key != data_key("s") || stopped) co_return;
      stopped = true;
      std::vector<store::Write> writes;
      writes.push_back(store::Write::set("session:state-lease:s", "of another replica", 10s));
      co_await records_->write(std::move(writes));
    };
    EXPECT_FALSE(loop_.run(states_->settle("s", turn, prior, true, captured(late), "")));
    hooked_records_->before = nullptr;
    EXPECT_TRUE(stopped);
    EXPECT_EQ(read(), "\1old");
    std::vector<store::Write> writes;
    writes.push_back(store::Write::set("session:state-lease:s", turn_token(turn), 10s));
    loop_.run(records_->write(std::move(writes)));
  }
  EXPECT_LE(objects("states-at-hand/").size(), 1u);
  turn = Turns::Turn();
  loop_.run(turns.stop());
}

TEST_P(StatesTest, ConfirmsOnlyWhatIsStillThere) {
  settle(large_);
  const auto prior = find();
  upload("\1up");
  EXPECT_FALSE(settle_after(prior, "\1"));
  EXPECT_FALSE(settle_after(prior, large_));
  EXPECT_EQ(read(), "\1up");
  const auto uploaded = find();
  loop_.run(states_->remove("s"));
  EXPECT_FALSE(settle_after(uploaded, "\1"));
  EXPECT_FALSE(find());
}

TEST_P(StatesTest, TakesTheMarkOfAnUploadAwayWhenARunUsesIt) {
  upload("\1up");
  auto record = find();
  auto writes = loop_.run(states_->touch("s", *record));
  EXPECT_EQ(writes.size(), 1u);
  loop_.run(records_->write(std::move(writes)));
  EXPECT_EQ(value(uploaded_key("s")), std::nullopt);
  record->created -= 31s;
  EXPECT_TRUE(loop_.run(states_->touch("s", *record)).empty()) << "it has ended by itself";
}

TEST_P(StatesTest, GivesFullLifeToWhatLivesShortly) {
  settings_.ttl = 60s;
  restart();
  settle(large_);
  auto record = find();
  EXPECT_TRUE(loop_.run(states_->touch("s", *record)).empty());
  age(10s);
  record->created -= 10s;
  auto writes = loop_.run(states_->touch("s", *record));
  EXPECT_EQ(writes.size(), 3u);
}

TEST_P(StatesTest, GivesFullLifeToWhatIsUsed) {
  settle(large_);
  age(30min);
  auto record = find();
  record->created -= 30min;
  auto writes = loop_.run(states_->touch("s", *record));
  EXPECT_EQ(writes.size(), 3u);
  loop_.run(records_->write(std::move(writes)));
  EXPECT_GT(loop_.run(records_->remaining(data_key("s"))), settings_.ttl - 5s);
  EXPECT_TRUE(loop_.run(states_->touch("s", *record)).empty());
}

TEST_P(StatesTest, LooksAgainWhenAnotherStateHasComeMeanwhile) {
  settle(large_);
  auto record = find(), of_reader = record;
  loop_.run(other_->settle("s", turn_, record, true, captured(large_ + "2"), ""));
  restart();
  const UniqueFd file = loop_.run(states_->open("s", *record));
  ASSERT_TRUE(file);
  EXPECT_EQ(read_whole(file.get(), record->size), large_ + "2");
  EXPECT_EQ(record, find());
  restart();
  const auto content = loop_.run(states_->read("s", *of_reader));
  ASSERT_TRUE(content);
  EXPECT_EQ(content->size, of_reader->size);
  EXPECT_EQ(loop_.run(store::testing::read_all(*content->body)), large_ + "2");
  EXPECT_EQ(of_reader, find());
}

// As after a crash between the writes of one state.
TEST_P(StatesTest, BelievesTheBytesWhenTheRecordIsOfAnotherState) {
  if (in_objects()) GTEST_SKIP() << "an object and its name belong together";
  settle("\1first");
  for (const std::string now : {"\1other", "\1longer than before"}) {
    std::vector<store::Write> writes;
    writes.push_back(store::Write::set(data_key("s"), encode_base64(now), settings_.ttl));
    loop_.run(records_->write(std::move(writes)));
    restart();
    EXPECT_EQ(read(), now);
    EXPECT_EQ(value(hash_key("s")), sha256_hex(now));
    EXPECT_EQ(find()->hash, sha256_hex(now));
    EXPECT_EQ(find()->size, now.size());
    EXPECT_EQ(settle("\1")->hash, sha256_hex(now));
  }
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set(data_key("s"), "no base64", settings_.ttl));
  loop_.run(records_->write(std::move(writes)));
  restart();
  EXPECT_EQ(read(), std::nullopt);
}

TEST_P(StatesTest, IsEmptyWhenTheBytesAreGone) {
  settle(large_);
  restart();
  auto record = find();
  std::vector<store::Write> writes;
  writes.push_back(store::Write::remove(data_key("s")));
  loop_.run(records_->write(std::move(writes)));
  if (in_objects()) loop_.run(bodies_->remove(record->object));
  EXPECT_FALSE(loop_.run(states_->open("s", *record)));
}

TEST_P(StatesTest, SavesInPlaceOfAnUploadWhoseBytesAreGone) {
  upload(large_);
  restart();
  auto prior = find();
  std::vector<store::Write> writes;
  writes.push_back(store::Write::remove(data_key("s")));
  loop_.run(records_->write(std::move(writes)));
  if (in_objects()) loop_.run(bodies_->remove(prior->object));
  EXPECT_FALSE(loop_.run(states_->open("s", *prior)));
  EXPECT_TRUE(settle_after(prior, "\1new", false));
  EXPECT_EQ(read(), "\1new");
}

TEST_P(StatesTest, RemembersOnlySoMuch) {
  settings_.memory = 100000;
  restart();
  settle(large_);
  EXPECT_EQ(read(), large_);
}

// Each costs a descriptor, however small it is.
TEST_P(StatesTest, RemembersOnlySoMany) {
  settings_.memory_entries = 3;
  restart();
  const auto descriptors = [] { return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}); };
  const auto begin = descriptors();
  for (int i = 0; i < 40; ++i) {
    const std::string session = "many" + std::to_string(i);
    EXPECT_TRUE(loop_.run(states_->settle(session, turn_, std::nullopt, false, captured("\1x" + session), "")));
  }
  EXPECT_LE(descriptors() - begin, 12);  // a store may open connections meanwhile
}

TEST_P(StatesTest, ArchivesWhatIsUnusedAndFindsItAgain) {
  settle(large_);
  EXPECT_EQ(loop_.run(states_->archive_some()), 0) << "it is young";
  age(2h - 1min);
  EXPECT_EQ(loop_.run(states_->archive_some()), 1);
  age(2h - 1min);
  EXPECT_EQ(loop_.run(states_->archive_some()), 0) << "it is there already";
  EXPECT_EQ(objects("states/"), std::vector<std::string>{"states/s/state.dat"});
  const auto object = loop_.run(bodies_->open("states/s/state.dat"));
  EXPECT_EQ(decode_base64(loop_.run(store::testing::read_all(*object->body))), large_);

  expire();
  const Info info = loop_.run(states_->info("s"));
  EXPECT_TRUE(info.archived);
  EXPECT_EQ(info.record.size, large_.size());
  EXPECT_EQ(info.record.hash, sha256_hex(large_));
  EXPECT_EQ(read(), large_);
  EXPECT_FALSE(loop_.run(states_->info("s")).archived) << "it is at hand again";
  EXPECT_THAT(find()->modules, ::testing::ElementsAre("numpy"));
  EXPECT_EQ(objects("states/").size(), 1u) << "the archive stays";
}

TEST_P(StatesTest, ArchivesTheNewerStateOverTheOlder) {
  settle("\1first");
  age(2h - 1min);
  EXPECT_EQ(loop_.run(states_->archive_some()), 1);
  settle("\1second");
  age(2h - 1min);
  EXPECT_EQ(loop_.run(states_->archive_some()), 1);
  expire();
  EXPECT_EQ(read(), "\1second");
}

TEST_P(StatesTest, ArchivesWhatItHasAgainBeforeTheCopyIsOld) {
  settle(large_);
  age(2h - 1min);
  EXPECT_EQ(loop_.run(states_->archive_some()), 1);
  age(2h - 1min);
  EXPECT_EQ(loop_.run(states_->archive_some()), 0);
  settings_.archive_ttl = 0h;  // so that every copy is older than half of it
  restart();
  age(2h - 1min);
  loop_.run(states_->archive_some());  // also removes what is old
  EXPECT_TRUE(objects("states/").empty());
  for (int round = 0; round < 2; ++round) {
    age(2h - 1min);
    EXPECT_EQ(loop_.run(states_->archive_some()), 1);
    EXPECT_EQ(objects("states/").size(), 1u);
  }
}

TEST_P(StatesTest, ArchivesAndRemovesTheOthersWhenOneFails) {
  StringSource old("old");
  loop_.run(bodies_->put("states/old/state.dat", old, 10));
  settings_.archive_ttl = 0h;
  restart();
  hooked_bodies_->before = [&](std::string operation, std::string key) -> awaitable<void> {
    if (operation == "put" && key == "states/s/state.dat") throw Failure(FailureKind::unavailable, "no room");
    co_return;
  };
  settle(large_);
  std::vector<store::Write> nothing_else;
  loop_.run(states_->upload("t", "\1of another session", std::move(nothing_else)));
  for (const char* session : {"s", "t"}) {
    std::vector<store::Write> writes;
    for (const std::string& key : {data_key(session), hash_key(session), record_key(session)}) {
      writes.push_back(store::Write::expire(key, 30min));
    }
    loop_.run(records_->write(std::move(writes)));
  }
  EXPECT_EQ(loop_.run(states_->archive_some()), 1);
  EXPECT_THAT(objects("states/"), ::testing::Not(::testing::Contains("states/old/state.dat")));
}

TEST_P(StatesTest, DoesNotArchiveWhatIsRemovedMeanwhile) {
  settle(large_);
  age(1h + 1min);
  hooked_bodies_->before = [&](std::string operation, std::string key) -> awaitable<void> {
    if (operation == "put" && key == "states/s/state.dat") co_await other_->remove("s");
  };
  EXPECT_EQ(loop_.run(states_->archive_some()), 0);
  EXPECT_TRUE(objects("states/").empty());
}

TEST_P(StatesTest, DoesNotArchiveBytesUnderTheRecordOfOthers) {
  if (in_objects()) GTEST_SKIP() << "an object and its name belong together";
  settle("\1first");
  age(2h - 1min);
  std::vector<store::Write> writes;
  writes.push_back(store::Write::set(data_key("s"), encode_base64("\1other"), 30min));
  loop_.run(records_->write(std::move(writes)));
  EXPECT_EQ(loop_.run(states_->archive_some()), 0);
  EXPECT_TRUE(objects("states/").empty());
}

TEST_P(StatesTest, OneReplicaArchivesAtATime) {
  settle(large_);
  age(2h - 1min);
  EXPECT_EQ(loop_.run(other_->archive_some()), 1);
  settle("\1new");
  EXPECT_EQ(loop_.run(states_->archive_some()), 0);
}

TEST_P(StatesTest, DoesNotLookIntoTheArchiveForYoungSessions) {
  settle(large_);
  age(2h - 1min);
  loop_.run(states_->archive_some());
  expire();
  EXPECT_FALSE(loop_.run(states_->find("s", std::chrono::system_clock::now())));
  EXPECT_TRUE(loop_.run(states_->find("s", std::chrono::system_clock::now() - 2h)));
}

TEST_P(StatesTest, DoesNotBringBackWhatIsOlderThanWhatCameMeanwhile) {
  settle("\1archived");
  age(2h - 1min);
  loop_.run(states_->archive_some());
  expire();
  hooked_bodies_->after = [&](std::string operation, std::string key) -> awaitable<void> {
    if (operation != "open" || key != "states/s/state.dat") co_return;
    std::vector<store::Write> nothing_else;
    co_await other_->upload("s", "\1up", std::move(nothing_else));
  };
  const auto found = find();
  hooked_bodies_->after = nullptr;
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->from_upload);
  EXPECT_EQ(read(), "\1up");
  EXPECT_TRUE(objects("states-at-hand/").empty());
}

TEST_P(StatesTest, DoesNotBringBackWhatWasRemovedMeanwhile) {
  settle(large_);
  age(2h - 1min);
  loop_.run(states_->archive_some());
  expire();
  hooked_bodies_->after = [&](std::string operation, std::string key) -> awaitable<void> {
    if (operation == "open" && key == "states/s/state.dat") co_await other_->remove("s");
  };
  EXPECT_FALSE(find());
  hooked_bodies_->after = nullptr;
  EXPECT_FALSE(find());
  EXPECT_TRUE(objects("states").empty());
}

TEST_P(StatesTest, RefusesADamagedArchive) {
  settle(large_);
  age(2h - 1min);
  loop_.run(states_->archive_some());
  expire();
  const auto head = loop_.run(bodies_->head("states/s/state.dat"));
  StringSource wrong(encode_base64("\1something else"));
  loop_.run(bodies_->put("states/s/state.dat", wrong, 1000, head->metadata));
  EXPECT_FALSE(find());
}

TEST_P(StatesTest, ReadsArchivesOfOtherPrograms) {
  StringSource body(encode_base64("\1theirs"));
  loop_.run(bodies_->put("states/s/state.dat", body, 1000));
  EXPECT_TRUE(loop_.run(states_->info("s")).archived);
  EXPECT_EQ(read(), "\1theirs");
}

TEST_P(StatesTest, RemovesTheArchiveWithTheState) {
  settle(large_);
  age(2h - 1min);
  loop_.run(states_->archive_some());
  loop_.run(states_->remove("s"));
  EXPECT_TRUE(objects("states/").empty());
  EXPECT_FALSE(find());
}

}  // namespace
}  // namespace ci::state
