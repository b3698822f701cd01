#include "store/redis/redis_store_fixture.h"

namespace ci::store::redis {
namespace {

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

}  // namespace
}  // namespace ci::store::redis
