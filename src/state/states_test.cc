#include "state/states_fixture.h"

namespace ci::state {
namespace {

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

}  // namespace
}  // namespace ci::state
