#include "net/response_head.h"

#include <gmock/gmock.h>

namespace ci::net {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ResponseHead, WritesStatusHeadersAndFraming) {
  Response response(404, "text/plain", "no");
  ResponseFraming framing;
  framing.body = BodyFraming::length;
  framing.length = 2;
  EXPECT_EQ(
      response_head(response, framing, "today"),
      "HTTP/1.1 404 Not Found\r\nDate: today\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n");
}

TEST(ResponseHead, KeepsHeaderValuesOnTheirLine) {
  Response response;
  response.headers.add("X-Name", std::string("a\r\nSet-Cookie: b\0c", 18));
  const std::string head = response_head(response, ResponseFraming(), "today");
  EXPECT_THAT(head, HasSubstr("X-Name: a  Set-Cookie: b c\r\n"));
}

TEST(ResponseHead, DecidesTheFramingItself) {
  Response response;
  response.headers.add("content-length", "999");
  response.headers.add("Transfer-Encoding", "gzip");
  response.headers.add("Connection", "upgrade");
  ResponseFraming framing;
  framing.body = BodyFraming::chunked;
  framing.keep_alive = KeepAlive::no;
  const std::string head = response_head(response, framing, "today");
  EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\nConnection: close\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("999")));
  EXPECT_THAT(head, Not(HasSubstr("gzip")));
  EXPECT_THAT(head, Not(HasSubstr("upgrade")));
}

TEST(ResponseHead, ErrorsAreTheUsualEnvelope) {
  const Response response = protocol_error(408, "Too slow", "id1");
  EXPECT_THAT(
      std::get<std::string>(response.body),
      testing::StartsWith(
          R"({"error":"Too slow","error_type":"timeout","details":null,"request_id":"id1","timestamp":)"));
  EXPECT_TRUE(response.close);
}

TEST(ResponseHead, TheDateIsOfTheFormThatHttpWants) {
  EXPECT_THAT(
      std::string(DateText().now()),
      testing::MatchesRegex("[MTWFS][a-z][a-z], [0-9]+ [A-Z][a-z][a-z] 20[0-9]+ [0-9]+:[0-9]+:[0-9]+ GMT"));
}

TEST(ResponseHead, AnswersOfTheServerItselfAreCarefulToo) {
  const Response response = protocol_error(400, "Bad request", "id");
  EXPECT_EQ(response.headers.find("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(response.headers.find("X-Frame-Options"), "DENY");
  EXPECT_TRUE(response.headers.find("Strict-Transport-Security"));
  EXPECT_EQ(response.headers.find("Content-Security-Policy"), "default-src 'self'");
}

}  // namespace
}  // namespace ci::net
