#include "net/request_head.h"

#include <gtest/gtest.h>

namespace ci::net {
namespace {

struct Parsed {
  std::optional<RequestHead> head;
  int refused = 0;
  std::string rest;
};

Parsed parse(std::string_view text, std::size_t piece = 1, std::uint32_t limit = 1024) {
  RequestHeadParser parser(limit);
  Parsed parsed;
  std::string pending;
  while (!text.empty()) {
    pending += text.substr(0, piece);
    text.remove_prefix(std::min(text.size(), piece));
    std::size_t consumed = 0;
    auto result = parser.feed(pending, consumed);
    if (!result) {
      parsed.refused = result.error().status;
      return parsed;
    }
    pending.erase(0, consumed);
    if (*result) {
      parsed.head = std::move(*result);
      break;
    }
  }
  parsed.rest = pending + std::string(text);
  return parsed;
}

TEST(RequestHead, ReadsTheHeadHoweverItArrives) {
  for (const std::size_t piece : {1, 2, 5, 1000}) {
    const Parsed parsed =
        parse("PATCH /v1/x?y=1 HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: 3\r\n\r\nabc", piece);
    ASSERT_TRUE(parsed.head);
    EXPECT_EQ(parsed.head->method, "PATCH");
    EXPECT_EQ(parsed.head->target, "/v1/x?y=1");
    EXPECT_EQ(parsed.head->headers.find("X-a"), "1");
    EXPECT_EQ(parsed.head->headers.entries().size(), 4u);
    EXPECT_EQ(parsed.head->content_length, 3u);
    EXPECT_TRUE(parsed.head->keep_alive);
    EXPECT_EQ(parsed.rest, "abc");
  }
}

TEST(RequestHead, KnowsWhenToKeepTheConnection) {
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").head->keep_alive);
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").head->keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n").head->keep_alive);
}

TEST(RequestHead, RefusesWhatAProxyCouldReadDifferently) {
  const std::string start = "POST / HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(parse(start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n").refused, 400);
  EXPECT_EQ(parse(start + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n").refused, 400);
  EXPECT_EQ(parse(start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n").refused, 400);
  EXPECT_EQ(parse(start + "Content-Length: -5\r\n\r\n").refused, 400);
  EXPECT_EQ(parse(start + "Content-Length: 5x\r\n\r\n").refused, 400);
  EXPECT_EQ(parse(start + "Content-Length : 5\r\n\r\n").refused, 400);
  EXPECT_EQ(parse(start + "Transfer-Encoding: gzip, chunked\r\n\r\n").refused, 501);
  EXPECT_EQ(parse(start + "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n").refused, 501);
  EXPECT_EQ(parse(start + "Transfer-Encoding: identity\r\n\r\n").refused, 501);
  EXPECT_EQ(parse(start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n").refused, 400);
  EXPECT_EQ(parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").refused, 400);
  EXPECT_EQ(parse(start + "Host: other\r\n\r\n").refused, 400);
  EXPECT_EQ(parse("GET / HTTP/1.1\r\n\r\n").refused, 400);
}

TEST(RequestHead, RefusesMalformedLines) {
  for (const char* text :
       {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\nb\r\n\r\n",
        "\x16\x03\x01\x02hello\r\n\r\n"}) {
    EXPECT_EQ(parse(text).refused, 400) << text;
  }
}

TEST(RequestHead, BoundsTheBytesOfAllLinesTogether) {
  const std::string long_target = "GET /" + std::string(2000, 'a');
  EXPECT_EQ(parse(long_target).refused, 431);
  EXPECT_EQ(parse(long_target, 4000).refused, 431);
  std::string many = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 200; ++i) many += "X-" + std::to_string(i) + ": value\r\n";
  EXPECT_EQ(parse(many + "\r\n").refused, 431);
  EXPECT_EQ(parse(many + "\r\n", 100).refused, 431);
  EXPECT_EQ(parse(many + "\r\n", 10000).refused, 431);
  EXPECT_TRUE(parse(many + "\r\n", 10000, 10000).head);
}

}  // namespace
}  // namespace ci::net
