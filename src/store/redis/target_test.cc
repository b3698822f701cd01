#include "store/redis/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/failure.h"

namespace ci::store::redis {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Target from_url(std::string url) {
  RedisSettings settings;
  settings.url = std::move(url);
  settings.host = "not this one";
  settings.port = 1;
  settings.database = 9;
  return resolve(settings);
}

std::string refusal(const RedisSettings& settings) {
  try {
    resolve(settings);
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::invalid);
    return failure.what();
  }
  return "";
}

std::string refusal_of_url(std::string url) {
  RedisSettings settings;
  settings.url = std::move(url);
  return refusal(settings);
}

TEST(RedisTarget, TakesEverythingFromTheUrl) {
  const Target target = from_url("rediss://us%65r:p%40ss%3A%2F%23%25@db.example:6380/4");
  EXPECT_THAT(target.servers, ElementsAre(Endpoint("db.example", 6380)));
  EXPECT_EQ(target.login.user, "user");
  EXPECT_EQ(target.login.password, "p@ss:/#%");
  EXPECT_EQ(target.login.database, 4);
  EXPECT_TRUE(target.tls);
  EXPECT_EQ(target.description(), "redis at db.example:6380, database 4, TLS");
}

TEST(RedisTarget, FillsTheGapsOfAnUrlWithDefaultsAndNotWithTheParts) {
  const Target target = from_url("redis://db");
  EXPECT_THAT(target.servers, ElementsAre(Endpoint("db", 6379)));
  EXPECT_EQ(target.login.database, 0);
  EXPECT_FALSE(target.tls);
  EXPECT_THAT(from_url("redis://").servers, ElementsAre(Endpoint("localhost", 6379)));
  EXPECT_THAT(from_url("redis://[::1]:7000/").servers, ElementsAre(Endpoint("::1", 7000)));
  EXPECT_EQ(from_url("redis://:only%20password@db").login.password, "only password");
  EXPECT_EQ(from_url("redis://a@b:c@d@db").login.user, "a@b");
}

TEST(RedisTarget, ReadsTheOptionsOfAnUrl) {
  const Target target = from_url("rediss://db/1?db=2&ssl_cert_reqs=none&health_check_interval=30&password=p%26q");
  EXPECT_EQ(target.login.database, 2);
  EXPECT_EQ(target.login.password, "p&q");
  EXPECT_FALSE(target.check_certificate);
  EXPECT_FALSE(target.check_hostname);
  EXPECT_THAT(target.remarks, ElementsAre(HasSubstr("health_check_interval")));
}

TEST(RedisTarget, AnUrlInPlaceOfTheHostKeepsTheParts) {
  RedisSettings settings;
  settings.host = "rediss://db";
  settings.port = 7001;
  settings.password = "any: text/@%";
  settings.database = 3;
  Target target = resolve(settings);
  EXPECT_THAT(target.servers, ElementsAre(Endpoint("db", 7001)));
  EXPECT_EQ(target.login.password, "any: text/@%");
  EXPECT_EQ(target.login.database, 3);
  EXPECT_TRUE(target.tls);
  settings.host = "db:7002";
  EXPECT_THAT(resolve(settings).servers, ElementsAre(Endpoint("db", 7002)));
  settings.host = "::1";
  EXPECT_THAT(resolve(settings).servers, ElementsAre(Endpoint("::1", 7001)));
}

TEST(RedisTarget, ClustersAndSentinelsHaveNodes) {
  RedisSettings settings;
  settings.mode = "cluster";
  settings.cluster_nodes = {"a:7000", "b", "[fd00::1]:7002"};
  settings.database = 5;
  Target target = resolve(settings);
  EXPECT_THAT(target.servers, ElementsAre(Endpoint("a", 7000), Endpoint("b", 6379), Endpoint("fd00::1", 7002)));
  EXPECT_EQ(target.login.database, 0);
  EXPECT_THAT(target.remarks, ElementsAre(HasSubstr("REDIS_DB")));

  settings = RedisSettings();
  settings.mode = "sentinel";
  settings.host = "watcher";
  settings.password = "of the data";
  settings.sentinel_password = "of the sentinels";
  settings.sentinel_database = 6;
  target = resolve(settings);
  EXPECT_THAT(target.servers, ElementsAre(Endpoint("watcher", 26379)));
  EXPECT_EQ(target.login.database, 6);
  EXPECT_EQ(target.login.password, "of the data");
  EXPECT_EQ(target.sentinel_login.password, "of the sentinels");
  EXPECT_EQ(target.sentinel_login.database, 0);
}

TEST(RedisTarget, IsChosenByAnyServerThatIsNamed) {
  RedisSettings settings;
  EXPECT_FALSE(settings.chosen());
  settings.cluster_nodes = {"a"};
  EXPECT_FALSE(settings.chosen());
  settings.mode = "cluster";
  EXPECT_TRUE(settings.chosen());
  settings = RedisSettings();
  settings.host = "a";
  EXPECT_TRUE(settings.chosen());
}

TEST(RedisTarget, NamesWhatIsWrongAndNoSecret) {
  EXPECT_THAT(refusal_of_url("http://db"), HasSubstr("REDIS_URL"));
  EXPECT_THAT(
      refusal_of_url("redis://:secret%4@db"), ::testing::AllOf(HasSubstr("REDIS_URL"), Not(HasSubstr("secret"))));
  EXPECT_THAT(refusal_of_url("redis://db:70000"), HasSubstr("port"));
  EXPECT_THAT(refusal_of_url("redis://db:"), IsEmpty());
  EXPECT_THAT(refusal_of_url("redis://db/first"), HasSubstr("number of a database"));
  EXPECT_THAT(refusal_of_url("redis://user@db"), HasSubstr("password"));
  EXPECT_THAT(refusal_of_url("redis://[::1/0"), HasSubstr("bracket"));
  RedisSettings settings;
  settings.host = "db";
  settings.certificate_file = "/a.crt";
  EXPECT_THAT(refusal(settings), HasSubstr("REDIS_SSL_KEYFILE"));
  settings = RedisSettings();
  settings.mode = "sentinel";
  settings.sentinel_nodes = {"a:x"};
  EXPECT_THAT(refusal(settings), HasSubstr("REDIS_SENTINEL_NODES"));
}

}  // namespace
}  // namespace ci::store::redis
