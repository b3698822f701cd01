#include "store/redis/redis_store_fixture.h"

namespace ci::store::redis {
namespace {

TEST_F(RedisStore, AFrozenServerIsUnavailableInTimeAndItsLateAnswersAreNotMistaken) {
  RedisServer server;
  RedisSettings settings = settings_for(server);
  settings.timeout = 1s;
  open_at(settings);
  set("a", "of a");
  set("b", "of b");
  server.freeze();
  std::string text;
  const auto time = time_of([&] { text = failure_text(store_->write(one(Write::set("a", "late")))); });
  EXPECT_THAT(text, AllOf(HasSubstr("did not answer within 1 s"), Not(HasSubstr("127.0.0.1"))));
  EXPECT_GE(time, 900ms);
  EXPECT_LE(time, 3s);
  server.thaw();
  EXPECT_EQ(get("b"), "of b");
}

TEST_F(RedisStore, ACancelledCallLeavesNoAnswerForTheNext) {
  RedisServer server;
  open_at(settings_for(server));
  set("a", "of a");
  set("b", "of b");
  server.freeze();
  const auto give_up = [](KeyValueStore& store) -> awaitable<void> {
    const auto found = co_await until(after(50ms), store.get("a"));
    EXPECT_FALSE(found);
  };
  loop_.run(give_up(*store_));
  server.thaw();
  EXPECT_EQ(get("b"), "of b");
}

TEST_F(RedisStore, AServerThatEndedIsUnavailableAndThenBackWithItsData) {
  RedisServer server({"--appendonly", "yes", "--appendfsync", "always"});
  RedisSettings settings = settings_for(server);
  settings.timeout = 1s;
  open_at(settings);
  set("k", "v");
  server.kill();
  const auto time = time_of([&] { EXPECT_THAT(failure_text(store_->ping()), HasSubstr("cannot be reached")); });
  EXPECT_LE(time, 3s);
  server.start();
  EXPECT_EQ(get("k"), "v");
}

TEST_F(RedisStore, AShortOutageIsNotNoticed) {
  RedisServer server({"--appendonly", "yes"});
  open_at(settings_for(server));
  set("k", "v");
  server.kill();
  const auto revive = [](RedisServer& dead) -> awaitable<void> {
    co_await sleep_for(300ms);
    dead.start();
  };
  const auto read = [](KeyValueStore& store) -> awaitable<void> {
    const auto found = co_await store.get("k");
    EXPECT_EQ(found, "v");
  };
  std::vector<awaitable<void>> works;
  works.push_back(revive(server));
  works.push_back(read(*store_));
  for (const auto& failure : loop_.run_together(std::move(works))) EXPECT_EQ(failure, nullptr);
}

// Also by what must not be done twice: that the connection has ended is seen before anything is sent.
TEST_F(RedisStore, ARestartWhileNothingWasAskedIsNotNoticed) {
  RedisServer server({"--appendonly", "yes"});
  open_at(settings_for(server));
  EXPECT_EQ(loop_.run(store_->increment("n", 1, {})), 1);
  server.kill();
  server.start();
  EXPECT_EQ(loop_.run(store_->increment("n", 1, {})), 2);
}

TEST_F(RedisStore, WhatMayBeDoneTwiceIsAskedAgainWhenItsAnswerIsLost) {
  Dropper server("$1\r\nx\r\n");
  RedisSettings settings;
  settings.host = "127.0.0.1";
  settings.port = server.port();
  open_at(settings);
  EXPECT_EQ(get("k"), "x");
  EXPECT_EQ(server.requests(), 2);
}

TEST_F(RedisStore, WhatMustNotBeDoneTwiceIsNotAskedAgain) {
  const auto ask = [&](auto&& work) {
    Dropper server("+OK\r\n");
    RedisSettings settings;
    settings.host = "127.0.0.1";
    settings.port = server.port();
    open_at(settings);
    try {
      work();
      ADD_FAILURE() << "no failure";
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::unavailable);
      EXPECT_THAT(failure.what(), HasSubstr("whether the request was carried out is not known"));
    }
    EXPECT_EQ(server.requests(), 1);
  };
  ask([&] { loop_.run(store_->set_if_absent("lease", "me", 1h)); });
  ask([&] { loop_.run(store_->remove_if_equal("lease", "me")); });
  ask([&] { loop_.run(store_->increment("n", 1, {})); });
}

}  // namespace
}  // namespace ci::store::redis
