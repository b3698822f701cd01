// The suite of all key-value stores, against real servers in each arrangement.

#include "store/redis/redis_fixtures.h"
#include "store/testing/key_value_suite.h"

namespace ci::store::redis {
namespace {

using std::chrono::milliseconds;

class Plain {
 public:
  static constexpr bool all_or_nothing = false;
  static constexpr bool counts_in_one_step = true;
  static std::string lacks() { return lacks_redis(); }
  KeyValueStore& store() { return *store_; }
  Loop& loop() { return loop_; }
  void advance(milliseconds time) { hasten(loop_, settings_for(server_), server_.port(), time); }

 private:
  Loop loop_;
  RedisServer server_;
  std::unique_ptr<KeyValueStore> store_ = open(loop_.executor(), settings_for(server_));
};

// Everything that can be in front of a key, and a password of difficult letters.
class Secured {
 public:
  static constexpr bool all_or_nothing = false;
  static constexpr bool counts_in_one_step = true;
  static std::string lacks() { return lacks_redis(); }
  KeyValueStore& store() { return *store_; }
  Loop& loop() { return loop_; }
  void advance(milliseconds time) { hasten(loop_, settings(), server_.port(), time); }

 private:
  RedisSettings settings() const {
    RedisSettings settings = settings_for(server_);
    settings.password = "p@ss:/?#[]%20 *'\"\xc3\xa4";
    settings.database = 7;
    settings.key_prefix = "a*{b}[c]?\\:";
    settings.max_connections = 3;
    return settings;
  }

  Loop loop_;
  RedisServer server_{{"--requirepass", "p@ss:/?#[]%20 *'\"\xc3\xa4"}};
  std::unique_ptr<KeyValueStore> store_ = open(loop_.executor(), settings());
};

class Tls {
 public:
  static constexpr bool all_or_nothing = false;
  static constexpr bool counts_in_one_step = true;
  static std::string lacks() {
    if (!TestCertificates::can_be_made()) return "openssl is not installed";
    return lacks_redis();
  }
  KeyValueStore& store() { return *store_; }
  Loop& loop() { return loop_; }
  void advance(milliseconds time) { hasten(loop_, settings(), tls_port_, time); }

 private:
  RedisSettings settings() const {
    RedisSettings settings;
    settings.url = "rediss://localhost:" + std::to_string(tls_port_);
    settings.ca_file = certificates_.file("ca.crt");
    settings.certificate_file = certificates_.file("client.crt");
    settings.key_file = certificates_.file("client.key");
    return settings;
  }

  Loop loop_;
  TestCertificates certificates_;
  int tls_port_ = store::testing::free_port();
  RedisServer server_{
      {"--tls-port", std::to_string(tls_port_), "--tls-cert-file", certificates_.file("server.crt"), "--tls-key-file",
       certificates_.file("server.key"), "--tls-ca-cert-file", certificates_.file("ca.crt")}};
  std::unique_ptr<KeyValueStore> store_ = open(loop_.executor(), settings());
};

class Watched {
 public:
  static constexpr bool all_or_nothing = false;
  static constexpr bool counts_in_one_step = true;
  static std::string lacks() { return lacks_redis(); }
  KeyValueStore& store() { return *store_; }
  Loop& loop() { return loop_; }
  void advance(milliseconds time) { hasten(loop_, settings_for(servers_.master()), servers_.master().port(), time); }

 private:
  Loop loop_;
  TestSentinel servers_{loop_, false};
  std::unique_ptr<KeyValueStore> store_ = open(loop_.executor(), servers_.settings());
};

class Clustered {
 public:
  static constexpr bool all_or_nothing = false;
  static constexpr bool counts_in_one_step = false;
  static std::string lacks() { return lacks_redis(); }
  KeyValueStore& store() { return *store_; }
  Loop& loop() { return loop_; }
  void advance(milliseconds time) {
    for (size_t i = 0; i < cluster_.size(); ++i) {
      hasten(loop_, settings_for(cluster_.node(i)), cluster_.node(i).port(), time);
    }
  }

 private:
  Loop loop_;
  TestCluster cluster_{loop_};
  std::unique_ptr<KeyValueStore> store_ = open(loop_.executor(), cluster_.settings());
};

}  // namespace
}  // namespace ci::store::redis

namespace ci::store::testing {
INSTANTIATE_TYPED_TEST_SUITE_P(Redis, KeyValueSuite, redis::Plain);
INSTANTIATE_TYPED_TEST_SUITE_P(RedisWithPassword, KeyValueSuite, redis::Secured);
INSTANTIATE_TYPED_TEST_SUITE_P(RedisTls, KeyValueSuite, redis::Tls);
INSTANTIATE_TYPED_TEST_SUITE_P(RedisSentinel, KeyValueSuite, redis::Watched);
INSTANTIATE_TYPED_TEST_SUITE_P(RedisCluster, KeyValueSuite, redis::Clustered);
}  // namespace ci::store::testing
