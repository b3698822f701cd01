#include "store/redis/server_facts.h"

#include <gmock/gmock.h>

namespace ci::store::redis {
namespace {

Reply info(std::string text) {
  Reply reply;
  reply.kind = Reply::Kind::text;
  reply.text = std::move(text);
  return reply;
}

template <class T>
T value_of(const Facts& facts, std::string_view name) {
  const auto fact = std::ranges::find(facts, name, &Fact::name);
  if (fact == facts.end()) throw std::runtime_error(std::string(name) + " is not told");
  return std::get<T>(fact->value);
}

TEST(ServerFacts, AreSummedOverAllServers) {
  const Facts facts = facts_of(
      {info("# Server\r\nredis_version:7.0.15\r\nuptime_in_seconds:80\r\n\r\n# Clients\r\nconnected_clients:3\r\n"
            "used_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:4194304\r\nkeyspace_hits:10\r\nkeyspace_"
            "misses:2\r\n"),
       info("redis_version:7.0.9\nuptime_in_seconds:5\nconnected_clients:1\nused_memory:1048576\nmaxmemory:"
            "4194304\nkeyspace_hits:1\n")});
  EXPECT_EQ(value_of<std::string>(facts, "version"), "7.0.15");
  EXPECT_EQ(value_of<std::int64_t>(facts, "servers"), 2);
  EXPECT_EQ(value_of<std::int64_t>(facts, "connected_clients"), 4);
  EXPECT_EQ(value_of<double>(facts, "memory_usage_mb"), 2);
  EXPECT_EQ(value_of<std::int64_t>(facts, "keyspace_hits"), 11);
  EXPECT_EQ(value_of<std::int64_t>(facts, "keyspace_misses"), 2);
  EXPECT_EQ(value_of<std::int64_t>(facts, "uptime_seconds"), 80);
  EXPECT_EQ(value_of<double>(facts, "max_memory_mb"), 8);
  EXPECT_EQ(value_of<double>(facts, "memory_usage_percent"), 25);
}

TEST(ServerFacts, AreFewWhereTheyMayNotBeAsked) {
  Reply refusal;
  refusal.kind = Reply::Kind::error;
  refusal.text = "NOPERM";
  const Facts facts = facts_of({refusal});
  EXPECT_EQ(facts.size(), 2u);
  EXPECT_EQ(value_of<std::string>(facts, "backend"), "redis");
  EXPECT_THROW(value_of<std::string>(facts, "version"), std::runtime_error);
}

}  // namespace
}  // namespace ci::store::redis
