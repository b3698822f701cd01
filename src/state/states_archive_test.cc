#include "state/states_fixture.h"

namespace ci::state {
namespace {

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

TEST_P(StatesTest, FindsNothingWhenTheStoreFailsOnWhatWasRemovedMeanwhile) {
  settle(large_);
  age(2h - 1min);
  loop_.run(states_->archive_some());
  expire();
  bool removed = false;
  hooked_bodies_->before = [&](std::string operation, std::string key) -> awaitable<void> {
    if (operation != "open" || key != "states/s/state.dat") co_return;
    if (removed) co_await other_->remove("s");
    throw Failure(FailureKind::unavailable, "broken off");
  };
  EXPECT_THROW(find(), Failure) << "it may come back another time";
  removed = true;
  EXPECT_FALSE(find());
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
