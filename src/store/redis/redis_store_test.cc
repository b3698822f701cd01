// What goes wrong between us and Redis, with real servers.

#include "store/redis/redis_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "store/redis/pool.h"
#include "store/redis/redis_fixtures.h"

namespace ci::store::redis {
namespace {

using namespace std::chrono_literals;
using store::testing::failure_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

std::vector<Write> one(Write write) {
  std::vector<Write> writes;
  writes.push_back(std::move(write));
  return writes;
}

// Lets everybody in, and ends the connection when it has read the first request; answers the later ones.
class Dropper {
 public:
  explicit Dropper(std::string answer) : answer_(std::move(answer)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = store::testing::loopback_address(port_);
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sys("binding", [&] { return ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); });
    sys("listening", [&] { return ::listen(listener_.get(), 8); });
    thread_ = std::thread([this] { serve(); });
  }
  ~Dropper() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  int port() const { return port_; }
  int requests() const { return requests_; }

 private:
  void serve() {
    for (;;) {
      const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
      if (!peer) return;
      char buffer[4096];
      if (::recv(peer.get(), buffer, sizeof buffer, 0) <= 0) continue;
      ::send(peer.get(), "+PONG\r\n", 7, MSG_NOSIGNAL);
      if (::recv(peer.get(), buffer, sizeof buffer, 0) <= 0) continue;
      if (++requests_ == 1) continue;
      ::send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  const std::string answer_;
  int port_ = store::testing::free_port();
  UniqueFd listener_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

class RedisStore : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string lacks = lacks_redis(); !lacks.empty()) GTEST_SKIP() << lacks;
  }

  void open_at(RedisSettings settings) { store_ = open(loop_.executor(), settings); }
  void set(std::string key, std::string value) {
    loop_.run(store_->write(one(Write::set(std::move(key), std::move(value)))));
  }
  std::optional<std::string> get(std::string key) { return loop_.run(store_->get(std::move(key))); }
  std::string failure_text(awaitable<void> work) {
    try {
      loop_.run(std::move(work));
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::unavailable) << failure.what();
      return failure.what();
    }
    return "(no failure)";
  }
  template <class Work>
  static std::chrono::milliseconds time_of(Work&& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  }

  Loop loop_;
  std::unique_ptr<KeyValueStore> store_;
};

TEST_F(RedisStore, KeepsTheLayoutThatOthersRead) {
  RedisServer server;
  RedisSettings settings = settings_for(server);
  settings.key_prefix = "p:";
  open_at(settings);
  std::vector<Write> writes;
  writes.push_back(Write::set("v", "text", 1h));
  writes.push_back(Write::set_fields("h", {{"a", "1"}, {"b", ""}}, 1h));
  writes.push_back(Write::add_member("s", "m"));
  loop_.run(store_->write(std::move(writes)));
  const auto tell_it = [&](std::vector<std::string> words) {
    return tell(loop_, settings, server.port(), std::move(words));
  };
  EXPECT_EQ(tell_it({"GET", "p:v"}).text, "text");
  EXPECT_EQ(tell_it({"HGET", "p:h", "a"}).text, "1");
  EXPECT_EQ(tell_it({"SISMEMBER", "p:s", "m"}).integer, 1);
  EXPECT_GT(tell_it({"TTL", "p:h"}).integer, 3500);
  EXPECT_EQ(tell_it({"TTL", "p:s"}).integer, -1);
  EXPECT_EQ(tell_it({"DBSIZE"}).integer, 3);
  // Neighbours with another prefix are not ours to see.
  tell_it({"SET", "other:v", "1"});
  EXPECT_THAT(loop_.run(store_->scan("", "", 100)).keys, UnorderedElementsAre("v", "h", "s"));
}

TEST_F(RedisStore, CarriesLargeValues) {
  RedisServer server;
  open_at(settings_for(server));
  std::string large(20 << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>(i / 997);
  set("large", large);
  EXPECT_EQ(get("large"), large);
}

TEST_F(RedisStore, RealTimeEndsLives) {
  RedisServer server;
  open_at(settings_for(server));
  loop_.run(store_->write(one(Write::set("short", "1", 30ms))));
  EXPECT_TRUE(store::testing::eventually(5s, [&] { return !get("short"); }));
  loop_.run(store_->write(one(Write::set("none", "1", 0ms))));
  EXPECT_EQ(get("none"), std::nullopt);
}

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

TEST_F(RedisStore, WrongPasswordsAreSaidClearlyAndAtOnce) {
  RedisServer server({"--requirepass", "right"});
  RedisSettings settings = settings_for(server);
  open_at(settings);
  EXPECT_THAT(failure_text(store_->ping()), AllOf(HasSubstr("REDIS_PASSWORD"), HasSubstr("NOAUTH")));
  settings.password = "wrong";
  open_at(settings);
  const auto time = time_of([&] {
    EXPECT_THAT(
        failure_text(store_->ping()),
        AllOf(HasSubstr("REDIS_PASSWORD"), HasSubstr("WRONGPASS"), Not(HasSubstr("wrong "))));
  });
  EXPECT_LT(time, 2s);
  settings.database = 99;
  settings.password = "right";
  open_at(settings);
  EXPECT_THAT(failure_text(store_->ping()), HasSubstr("REDIS_DB"));
  settings.database = 0;
  open_at(settings);
  loop_.run(store_->ping());
}

TEST_F(RedisStore, UsersAndNeedlessPasswordsAreTaken) {
  RedisServer server;
  RedisSettings settings = settings_for(server);
  settings.password = "nobody asked";
  open_at(settings);
  loop_.run(store_->ping());
  tell(loop_, settings, server.port(), {"ACL", "SETUSER", "kcr", "on", ">s@cret", "~*", "+@all"});
  settings.url = "redis://kcr:s%40cret@" + server.address();
  open_at(settings);
  loop_.run(store_->ping());
}

TEST_F(RedisStore, AFullServerSaysSo) {
  RedisServer server({"--maxmemory", "1kb"});
  open_at(settings_for(server));
  EXPECT_THAT(failure_text(store_->write(one(Write::set("k", "v")))), HasSubstr("maxmemory"));
}

TEST_F(RedisStore, OneConnectionServesManyCallers) {
  RedisServer server;
  RedisSettings settings = settings_for(server);
  settings.max_connections = 1;
  open_at(settings);
  std::vector<awaitable<void>> works;
  for (int i = 0; i < 200; ++i) works.push_back(store_->write(one(Write::set("k" + std::to_string(i), "1"))));
  for (const auto& failure : loop_.run_together(std::move(works))) EXPECT_EQ(failure, nullptr);
  const std::string info = tell(loop_, settings, server.port(), {"INFO", "stats"}).text;
  EXPECT_THAT(info, HasSubstr("total_connections_received:3\r\n"));  // the start's probe, ours, and the one that asks
}

TEST_F(RedisStore, AFullPoolWaitsAndThenFails) {
  RedisServer server;
  const Access access(loop_.executor(), Login());
  const auto pool = std::make_shared<Pool>(access, Endpoint("127.0.0.1", server.port()), 1);
  const auto scenario = [](Pool& shared) -> awaitable<void> {
    std::string refusal;
    {
      const Pool::Loan loan = co_await shared.borrow(after(5s));
      try {
        co_await shared.borrow(after(100ms));
      } catch (const Failure& failure) {
        EXPECT_EQ(failure.kind(), FailureKind::unavailable);
        refusal = failure.what();
      }
    }
    EXPECT_THAT(refusal, HasSubstr("REDIS_MAX_CONNECTIONS"));
    co_await shared.borrow(after(100ms));
  };
  loop_.run(scenario(*pool));

  // One who waits gets it when it comes back.
  std::vector<int> order;
  const auto hold = [](Pool& shared, std::vector<int>& done, int number) -> awaitable<void> {
    const Pool::Loan loan = co_await shared.borrow(after(5s));
    co_await sleep_for(20ms);
    done.push_back(number);
  };
  std::vector<awaitable<void>> works;
  for (int i = 0; i < 4; ++i) works.push_back(hold(*pool, order, i));
  for (const auto& failure : loop_.run_together(std::move(works))) EXPECT_EQ(failure, nullptr);
  EXPECT_THAT(order, ::testing::ElementsAre(0, 1, 2, 3));
}

TEST_F(RedisStore, TlsChecksWhoAnswers) {
  if (!TestCertificates::can_be_made()) GTEST_SKIP() << "openssl is not installed";
  TestCertificates ours, others;
  ours.make("elsewhere", "subjectAltName=DNS:elsewhere");
  const int tls_port = store::testing::free_port();
  RedisServer server(
      {"--tls-port", std::to_string(tls_port), "--tls-cert-file", ours.file("elsewhere.crt"), "--tls-key-file",
       ours.file("elsewhere.key"), "--tls-ca-cert-file", ours.file("ca.crt"), "--tls-auth-clients", "no"});
  RedisSettings settings;
  settings.host = "localhost";
  settings.port = tls_port;
  settings.tls = true;
  settings.ca_file = ours.file("ca.crt");
  open_at(settings);
  EXPECT_THAT(failure_text(store_->ping()), AllOf(HasSubstr("TLS"), HasSubstr("certificate")));
  settings.check_hostname = false;
  open_at(settings);
  loop_.run(store_->ping());
  settings.ca_file = others.file("ca.crt");
  open_at(settings);
  EXPECT_THAT(failure_text(store_->ping()), HasSubstr("certificate"));
  settings.certificate_check = "none";
  open_at(settings);
  loop_.run(store_->ping());

  settings.port = server.port();  // no TLS there
  settings.timeout = 1s;
  open_at(settings);
  EXPECT_THAT(failure_text(store_->ping()), HasSubstr("TLS"));
  settings.port = tls_port;
  settings.tls = false;
  open_at(settings);
  EXPECT_THAT(failure_text(store_->ping()), HasSubstr("Redis cannot be used now"));
  settings.tls = true;
  settings.ca_file = "/nowhere.crt";
  EXPECT_EQ(failure_of([&] { open_at(settings); }), FailureKind::invalid);
}

TEST_F(RedisStore, FollowsTheSentinelsToTheNewMaster) {
  TestSentinel servers(loop_, true);
  RedisSettings settings = servers.settings();
  settings.timeout = 20s;
  open_at(settings);
  set("k", "v");
  tell(loop_, settings_for(servers.master()), servers.master().port(), {"WAIT", "1", "5000"});
  servers.master().kill();
  EXPECT_EQ(get("k"), "v");
  set("k", "from the new one");
  const RedisSettings replica = settings_for(servers.replica());
  EXPECT_EQ(tell(loop_, replica, servers.replica().port(), {"GET", "k"}).text, "from the new one");
}

TEST_F(RedisStore, SaysWhatIsWrongWithSentinels) {
  TestSentinel servers(loop_, false);
  RedisSettings settings = servers.settings();
  settings.timeout = 1s;
  settings.sentinel_master = "unknown";
  open_at(settings);
  EXPECT_THAT(failure_text(store_->ping()), HasSubstr("REDIS_SENTINEL_MASTER"));
  servers.sentinel().kill();
  open_at(servers.settings());
  EXPECT_THAT(failure_text(store_->ping()), HasSubstr("no sentinel answers"));
}

TEST_F(RedisStore, FollowsASlotThroughTheCluster) {
  TestCluster cluster(loop_);
  open_at(cluster.settings());
  const std::uint16_t slot = slot_of("{tag}");
  const size_t from = TestCluster::first_owner(slot);
  const size_t to = (from + 1) % 3;
  const std::string number = std::to_string(slot);
  const std::string source = cluster.say(from, {"CLUSTER", "MYID"}).text;
  const std::string target = cluster.say(to, {"CLUSTER", "MYID"}).text;
  set("{tag}stays", "1");
  set("{tag}moves", "2");
  const auto other =
      open(loop_.executor(), cluster.settings());  // knows where the slot is now, and asks again only later
  EXPECT_EQ(loop_.run(other->get("{tag}moves")), "2");
  cluster.say(to, {"CLUSTER", "SETSLOT", number, "IMPORTING", source});
  cluster.say(from, {"CLUSTER", "SETSLOT", number, "MIGRATING", target});
  cluster.say(from, {"MIGRATE", "127.0.0.1", std::to_string(cluster.node(to).port()), "{tag}moves", "0", "5000"});
  // Half of it has moved: some is asked for there.
  EXPECT_EQ(get("{tag}moves"), "2");
  EXPECT_EQ(get("{tag}stays"), "1");
  loop_.run(store_->write(one(Write::set_fields("{tag}new", {{"a", "1"}}, 1h))));
  EXPECT_EQ(cluster.say(to, {"CLUSTER", "COUNTKEYSINSLOT", number}).integer, 2);
  cluster.say(from, {"MIGRATE", "127.0.0.1", std::to_string(cluster.node(to).port()), "{tag}stays", "0", "5000"});
  for (const size_t i : {to, from}) cluster.say(i, {"CLUSTER", "SETSLOT", number, "NODE", target});
  // All of it has moved: the old owner says so.
  EXPECT_EQ(get("{tag}stays"), "1");
  EXPECT_EQ(loop_.run(store_->increment("{tag}n", 5, 1h)), 5);
  EXPECT_EQ(get("{tag}n"), "5");
  // Many at once are sent on.
  std::vector<std::string> keys(40, "{tag}new");
  const auto all = loop_.run(other->get_fields_of_all(std::move(keys)));
  EXPECT_EQ(std::ranges::count_if(all, [](const auto& fields) { return fields.has_value(); }), 40);
}

TEST_F(RedisStore, ScansAllMastersOfACluster) {
  TestCluster cluster(loop_);
  RedisSettings settings = cluster.settings();
  settings.key_prefix = "p:";
  settings.timeout = 2s;
  open_at(settings);
  std::set<std::string> expected, found;
  std::vector<Write> writes;
  for (int i = 0; i < 500; ++i) writes.push_back(Write::set(*expected.insert("k:" + std::to_string(i)).first, "1"));
  loop_.run(store_->write(std::move(writes)));
  for (size_t i = 0; i < 3; ++i) EXPECT_GT(cluster.say(i, {"DBSIZE"}).integer, 100);
  std::string cursor;
  do {
    auto page = loop_.run(store_->scan("k:", cursor, 50));
    EXPECT_LE(page.keys.size(), 100u);
    found.insert(page.keys.begin(), page.keys.end());
    cursor = page.cursor;
  } while (!cursor.empty());
  EXPECT_EQ(found, expected);

  // Without one of the masters its keys are unavailable, and nobody pretends otherwise.
  cluster.node(0).kill();
  EXPECT_EQ(failure_of([&] { loop_.run(store_->ping()); }), FailureKind::unavailable);
  std::string lost = "k:0";
  for (const std::string& key : expected) {
    if (TestCluster::first_owner(slot_of("p:" + key)) == 0) lost = key;
  }
  EXPECT_EQ(failure_of([&] { get(lost); }), FailureKind::unavailable);
}

}  // namespace
}  // namespace ci::store::redis
