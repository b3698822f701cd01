#include "store/redis/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/failure.h"
#include "store/redis/cluster.h"

namespace ci::store::redis {
namespace {

using Kind = Reply::Kind;

Reply parse(std::string_view text) {
  ReplyReader reader;
  // Byte by byte: the network cuts where it likes.
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(reader.next());
    reader.feed(text.substr(i, 1));
  }
  return reader.next().value();
}

TEST(RedisCommand, HoldsAnyBytes) {
  const std::string odd("a\0\r\n", 4);
  EXPECT_EQ(Command({"SET", odd, ""}).bytes(), std::string("*3\r\n$3\r\nSET\r\n$4\r\na\0\r\n\r\n$0\r\n\r\n", 29));
}

TEST(RedisReply, ComesInAllKinds) {
  EXPECT_EQ(parse("+OK\r\n").kind, Kind::status);
  EXPECT_EQ(parse("$-1\r\n").kind, Kind::nil);
  EXPECT_EQ(parse("*-1\r\n").kind, Kind::nil);
  EXPECT_EQ(parse(":-12\r\n").integer, -12);
  EXPECT_EQ(parse("$4\r\na\r\nb\r\n").text, "a\r\nb");
  EXPECT_TRUE(parse("-MOVED 1 a:1\r\n").is_error("MOVED"));
  EXPECT_FALSE(parse("-MOVEDX\r\n").is_error("MOVED"));
  const Reply nested = parse("*3\r\n*2\r\n:1\r\n$1\r\nx\r\n*0\r\n$-1\r\n");
  ASSERT_EQ(nested.elements.size(), 3u);
  EXPECT_EQ(nested.elements[0].elements[1].text, "x");
  EXPECT_EQ(nested.elements[1].kind, Kind::array);
  EXPECT_EQ(nested.elements[2].kind, Kind::nil);
}

TEST(RedisReply, SeveralFollowEachOther) {
  ReplyReader reader;
  reader.feed("+a\r\n+b\r\n+c");
  EXPECT_EQ(reader.next()->text, "a");
  EXPECT_EQ(reader.next()->text, "b");
  EXPECT_FALSE(reader.next());
}

TEST(RedisReply, WhatIsNoneIsRefused) {
  ReplyReader reader;
  reader.feed("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_THROW(reader.next(), Failure);
}

TEST(RedisSlot, FollowsTheSpecification) {
  EXPECT_EQ(slot_of("123456789"), 0x31c3);
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("user1000"));
  EXPECT_EQ(slot_of("foo{}{bar}"), slot_of("foo{}{bar}"));
  EXPECT_NE(slot_of("foo{}{bar}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
}

TEST(RedisPattern, IsLiteralUpToItsEnd) { EXPECT_EQ(pattern_of("a*b?[c]\\"), "a\\*b\\?\\[c\\]\\\\*"); }

TEST(RedisCluster, SlotsAreReadFromItsAnswer) {
  const Reply reply = parse(
      "*3\r\n"
      "*4\r\n:0\r\n:99\r\n*3\r\n$1\r\na\r\n:7000\r\n$2\r\nid\r\n*3\r\n$1\r\nr\r\n:7001\r\n$2\r\nid\r\n"
      "*3\r\n:100\r\n:16383\r\n*3\r\n$0\r\n\r\n:7002\r\n$2\r\nid\r\n"
      "*3\r\n:5\r\n:99999\r\n*3\r\n$1\r\nx\r\n:7003\r\n$2\r\nid\r\n");
  const auto ranges = parse_cluster_slots(reply, "asked");
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].owner, Endpoint("a", 7000));
  EXPECT_EQ(ranges[0].last, 99);
  EXPECT_EQ(ranges[1].owner, Endpoint("asked", 7002));
  EXPECT_TRUE(parse_cluster_slots(parse("-ERR no cluster\r\n"), "asked").empty());
}

TEST(RedisCluster, RedirectsAreReadFromErrors) {
  const auto moved = parse_redirect(parse("-MOVED 3999 127.0.0.1:6381\r\n"), "asked");
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->place, Endpoint("127.0.0.1", 6381));
  EXPECT_FALSE(moved->once);
  EXPECT_TRUE(parse_redirect(parse("-ASK 1 :6381\r\n"), "asked")->once);
  EXPECT_EQ(parse_redirect(parse("-ASK 1 :6381\r\n"), "asked")->place, Endpoint("asked", 6381));
  EXPECT_EQ(parse_redirect(parse("-MOVED 1 ::1:6381\r\n"), "asked")->place, Endpoint("::1", 6381));
  for (const char* other :
       {"-ERR no\r\n", "-MOVED\r\n", "-MOVED 1\r\n", "-MOVED 1 a\r\n", "-MOVED x a:1\r\n", "-MOVED 99999 a:1\r\n"}) {
    EXPECT_FALSE(parse_redirect(parse(other), "asked")) << other;
  }
}

}  // namespace
}  // namespace ci::store::redis
