#include "net/testing/server_fixture.h"

namespace ci::net {
namespace {

TEST_F(ServerTest, KeepsTheConnectionAndAnswersInOrder) {
  start();
  Client client(server_->port());
  EXPECT_THAT(client.send("GET /a" + host + "\r\n").read_answer(), HasSubstr("GET /a "));
  EXPECT_THAT(
      client.send("GET /v1//b/" + host + "X-Request-ID: my-id\r\n\r\n").read_answer(), EndsWith("GET /b my-id"));
  client.send("GET /c" + host + "\r\nPOST /echo" + host + "Content-Length: 5\r\n\r\nhelloGET /d" + host + "\r\n");
  EXPECT_THAT(client.read_answer(), HasSubstr("GET /c "));
  EXPECT_THAT(client.read_answer(), EndsWith("\r\n\r\nhello"));
  EXPECT_THAT(client.read_answer(), HasSubstr("GET /d "));
}

TEST_F(ServerTest, AnswersPipelinedRequestsBehindASlowOne) {
  start();
  Client client(server_->port());
  client.send("GET /short" + host + "\r\n");
  ASSERT_TRUE(happens(seen_.started));
  client.send("GET /next" + host + "\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("short"));
  EXPECT_THAT(client.read_answer(), HasSubstr("GET /next "));
}

TEST_F(ServerTest, UnderstandsRequestsThatArriveByteByByte) {
  start();
  Client client(server_->port());
  client.socket().set_option(tcp::no_delay(true));
  const std::string text =
      "\r\nPOST /echo" + host + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
  for (const char c : text) client.send(std::string_view(&c, 1));
  EXPECT_THAT(client.read_answer(), EndsWith("\r\n\r\nabcde"));
}

TEST_F(ServerTest, ReadsLargeBodies) {
  start();
  Client client(server_->port());
  std::string body(3 << 20, 'x');
  for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  client.send("POST /echo" + host + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\n" + body));
  EXPECT_THAT(client.send("GET /after" + host + "\r\n").read_answer(), HasSubstr("GET /after "));
}

TEST_F(ServerTest, SaysContinueWhenTheBodyIsWanted) {
  start();
  Client client(server_->port());
  client.send("POST /echo" + host + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(client.send("ok").read_answer(), EndsWith("\r\n\r\nok"));
}

TEST_F(ServerTest, ClosesWhenTheExpectedBodyIsNotWanted) {
  start();
  Client client(server_->port());
  client.send("POST /limited" + host + "Expect: 100-continue\r\nContent-Length: 20\r\n\r\n");
  const std::string answer = client.read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("Request body too large"));
  EXPECT_TRUE(client.ended());
}

TEST_F(ServerTest, SkipsASmallUnwantedBodyAndClosesOnALargeOne) {
  start();
  Client client(server_->port());
  const std::string small(100 << 10, 's');
  client.send("POST /a" + host + "Content-Length: " + std::to_string(small.size()) + "\r\n\r\n" + small);
  EXPECT_THAT(client.read_answer(), HasSubstr("POST /a "));
  client.send("POST /b" + host + "Content-Length: 99999999\r\n\r\n" + small);
  const std::string answer = client.read_answer();
  EXPECT_THAT(answer, HasSubstr("POST /b "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  client.send(small);
  EXPECT_TRUE(client.ended());
}

TEST_F(ServerTest, StopsReadingAChunkedBodyAtTheLimit) {
  start();
  Client client(server_->port());
  client.send("POST /limited" + host + "Transfer-Encoding: chunked\r\n\r\n14\r\n01234567890123456789\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("Request body too large"));
  EXPECT_THAT(client.send("GET /after" + host + "\r\n").read_answer(), HasSubstr("GET /after "));
}

TEST_F(ServerTest, TellsTheHandlerThatTheFramingIsWrong) {
  start();
  Client client(server_->port());
  client.send("POST /limited" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_THAT(client.read_answer(), HasSubstr("Malformed chunk"));
  EXPECT_TRUE(client.ended());
}

TEST_F(ServerTest, RefusesWhatIsNotHttp) {
  start();
  for (const std::string text :
       {"nonsense\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/3.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x "
        "HTTP/1.1\r\n"}) {
    Client client(server_->port());
    const std::string answer = client.send(text).read_answer();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << text;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(answer, HasSubstr("\"error_type\":\"validation\",\"details\":null,\"request_id\":\""));
    EXPECT_TRUE(client.ended());
  }
  EXPECT_EQ(seen_.requests, 0);
}

TEST_F(ServerTest, HonoursCloseAndOldVersions) {
  start();
  Client close(server_->port());
  EXPECT_THAT(close.send("GET /a" + host + "Connection: close\r\n\r\n").read_all(), HasSubstr("Connection: close\r\n"));
  Client old(server_->port());
  EXPECT_THAT(old.send("GET /a HTTP/1.0\r\n\r\n").read_all(), HasSubstr("GET /a "));
  Client old_keep(server_->port());
  EXPECT_THAT(
      old_keep.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").read_answer(),
      HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_THAT(
      old_keep.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").read_all(), EndsWith("\r\n\r\nonetwo"));
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  start();
  Client client(server_->port());
  client.send(
      "HEAD /source" + host + "\r\nHEAD /stream" + host + "\r\nHEAD /a" + host + "\r\nGET /empty" + host + "\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Length: 1048576\r\n"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Length: "));
  const std::string empty = client.read_until("\r\n\r\n");
  EXPECT_THAT(empty, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(empty, Not(HasSubstr("Content-Length")));
}

TEST_F(ServerTest, StreamsChunksAndSources) {
  start();
  Client client(server_->port());
  client.send("GET /stream" + host + "\r\nGET /source" + host + "\r\n");
  EXPECT_THAT(client.read_until("0\r\n\r\n"), EndsWith("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
  EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\n" + std::string(1 << 20, 's')));
  client.send("GET /torn" + host + "\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Content-Length: 1048577\r\n"));
  EXPECT_EQ(client.read_all().size(), std::size_t{1} << 20);
}

TEST_F(ServerTest, TwoWhoWriteToOneAnswerTakeTurns) {
  start();
  Client client(server_->port());
  client.send("GET /two-writers" + host + "\r\n");
  std::string answer = client.read_until("\r\n0\r\n\r\n");
  ASSERT_THAT(answer, EndsWith("\r\n0\r\n\r\n"));
  std::map<char, int> chunks;
  std::size_t at = answer.find("\r\n\r\n") + 4;
  for (;;) {
    const std::size_t size = std::stoul(answer.substr(at), nullptr, 16);
    at = answer.find("\r\n", at) + 2;
    if (size == 0) break;
    ASSERT_EQ(size, 300'000u);
    ASSERT_EQ(answer.substr(at, size), std::string(size, answer[at]));
    ++chunks[answer[at]];
    at += size + 2;
  }
  EXPECT_EQ(chunks, (std::map<char, int>{{'a', 10}, {'b', 10}}));
  EXPECT_THAT(client.send("GET /after" + host + "\r\n").read_answer(), HasSubstr("GET /after"));
}

TEST_F(ServerTest, CancelsTheHandlerWhenTheClientLeaves) {
  start();
  {
    Client client(server_->port());
    client.send("GET /wait" + host + "\r\nGET /pipelined" + host + "\r\n");
    ASSERT_TRUE(happens(seen_.started));
  }
  EXPECT_TRUE(happens(seen_.cancelled));
  stop(5s);
  EXPECT_EQ(seen_.requests, 1);
}

TEST_F(ServerTest, CancelsTheHandlerWhenTheConnectionIsReset) {
  start();
  Client client(server_->port());
  client.send("POST /wait" + host + "Content-Length: 10\r\n\r\nhalf");
  ASSERT_TRUE(happens(seen_.started));
  client.socket().set_option(asio::socket_base::linger(true, 0));
  client.socket().close();
  EXPECT_TRUE(happens(seen_.cancelled));
}

TEST_F(ServerTest, CancelsTheStreamWhenTheClientLeaves) {
  start();
  {
    Client client(server_->port());
    client.send("GET /endless" + host + "\r\n").read_until("begin");
    ASSERT_TRUE(happens(seen_.started));
  }
  EXPECT_TRUE(happens(seen_.cancelled));
}

TEST_F(ServerTest, SurvivesAHandlerThatThrows) {
  start();
  Client client(server_->port());
  const std::string answer = client.send("GET /throw" + host + "X-Request-ID: abc\r\n\r\n").read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(answer, HasSubstr("\"request_id\":\"abc\""));
  EXPECT_THAT(answer, Not(HasSubstr("as promised")));
  EXPECT_THAT(Client(server_->port()).send("GET /a" + host + "\r\n").read_answer(), HasSubstr("GET /a "));
}

TEST_F(ServerTest, DrainsWhenItStops) {
  start();
  const std::uint16_t port = server_->port();
  Client idle(port);
  EXPECT_THAT(idle.send("GET /a" + host + "\r\n").read_answer(), HasSubstr("GET /a "));
  Client busy(port);
  busy.send("GET /short" + host + "\r\n");
  ASSERT_TRUE(happens(seen_.started));
  stop(5s);
  EXPECT_TRUE(idle.ended());
  const std::string answer = busy.read_all();
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("short"));
  EXPECT_THROW(Client client(port), boost::system::system_error);
}

TEST_F(ServerTest, SaysWhichAddressIsTaken) {
  start();
  ServerSettings second = settings_;
  second.port = server_->port();
  const std::string wanted = "cannot listen on 127.0.0.1:" + std::to_string(second.port) + ": address already in use";
  try {
    Server server(context_.get_executor(), second, Handler());
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.what(), wanted);
  }
}

TEST_F(ServerTest, ListensOnIpv6ForBothFamilies) {
  settings_.host = "::";
  try {
    start();
  } catch (const Failure& failure) {
    GTEST_SKIP() << failure.what();
  }
  EXPECT_THAT(Client(server_->port()).send("GET /a" + host + "\r\n").read_answer(), HasSubstr("GET /a "));
}

// A key and a certificate for it, as files below a temporary directory.

}  // namespace
}  // namespace ci::net
