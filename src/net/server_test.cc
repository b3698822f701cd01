#include "net/server.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <cstdio>
#include <filesystem>
#include <future>
#include <list>
#include <map>
#include <thread>

#include "base/failure.h"
#include "net/router.h"

namespace ci::net {
namespace {

using asio::ip::tcp;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using namespace std::chrono_literals;

// What handlers saw, set on the server's thread and awaited by the test.
struct Seen {
  std::promise<void> started;
  std::promise<void> cancelled;
  std::atomic<int> requests = 0;
};

// A server on its own thread and a few handlers that show what it does.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    settings_.host = "127.0.0.1";
    settings_.port = 0;
  }
  ~ServerTest() override { stop(5s); }

  void start() {
    server_.emplace(context_.get_executor(), settings_, [this](Request& request) { return handle(request); });
    asio::co_spawn(context_, server_->run(), [](std::exception_ptr failure) { EXPECT_FALSE(failure); });
    thread_ = std::thread([this] { context_.run(); });
  }

  void stop(std::chrono::steady_clock::duration time) {
    if (!thread_.joinable()) return;
    asio::co_spawn(context_, server_->stop(after(time)), [](std::exception_ptr failure) { EXPECT_FALSE(failure); });
    thread_.join();  // the context runs out of work only when no connection is left
  }

  awaitable<Response> handle(Request& request) {
    ++seen_.requests;
    if (request.path == "/echo") {
      std::optional<std::string> problem;
      try {
        std::string body = co_await read_body(request, 10 << 20);
        co_return Response(200, "text/plain", std::move(body));
      } catch (const Failure& failure) {
        problem = failure.what();
      }
      co_return Response(503, "text/plain", std::move(*problem));
    }
    if (request.path == "/held") {
      co_await read_body(request, 10 << 20);
      seen_.started.set_value();
      co_await sleep_for(1h);
    }
    if (request.path == "/limited") {
      std::string reply = "read";
      try {
        co_await read_body(request, 10);
      } catch (const Failure& failure) {
        reply = failure.what();
      }
      co_return Response(reply == "read" ? 200 : 400, "text/plain", reply);
    }
    if (request.path == "/wait") {
      seen_.started.set_value();
      try {
        co_await sleep_for(1h);
      } catch (const boost::system::system_error&) {
        seen_.cancelled.set_value();
      }
      co_return Response(200, "text/plain", "waited");
    }
    if (request.path == "/short") {
      seen_.started.set_value();
      co_await sleep_for(100ms);
      co_return Response(200, "text/plain", "short");
    }
    if (request.path == "/throw") throw std::runtime_error("as promised");
    if (request.path == "/stream") {
      Response response(200, "text/event-stream", "");
      response.body = StreamBody([](BodyWriter& writer) -> awaitable<void> {
        co_await writer.write("one");
        co_await sleep_for(1ms);
        co_await writer.write("");
        co_await writer.write("two");
      });
      co_return response;
    }
    if (request.path == "/two-writers") {
      Response response(200, "text/plain", "");
      response.body = StreamBody([](BodyWriter& writer) { return ServerTest::two_writers(writer); });
      co_return response;
    }
    if (request.path == "/endless") {
      Response response(200, "text/plain", "");
      Seen* seen = &seen_;
      response.body = StreamBody([seen](BodyWriter& writer) { return ServerTest::endless(writer, seen); });
      co_return response;
    }
    if (request.path == "/source" || request.path == "/torn") {
      Response response(200, "text/plain", "");
      const std::uint64_t missing = request.path == "/torn" ? 1 : 0;
      auto source = std::make_unique<StringSource>(std::string(1 << 20, 's'));
      response.body.emplace<SourceBody>(std::move(source), (1 << 20) + missing);
      co_return response;
    }
    if (request.path == "/big") co_return Response(200, "text/plain", std::string(64 << 20, 'b'));
    if (request.path == "/empty") co_return Response(204, "text/plain", "");
    std::string text = request.method + " " + request.path + " " + request.id;
    co_return Response(200, "text/plain", std::move(text));
  }

  // Pieces that do not fit into a socket's buffer, so that one is still under way when the other comes.
  static awaitable<void> write_many(BodyWriter& writer, char letter) {
    const std::string piece(300'000, letter);
    for (int i = 0; i < 10; ++i) co_await writer.write(piece);
  }
  static awaitable<void> two_writers(BodyWriter& writer) {
    auto executor = co_await asio::this_coro::executor;
    auto both = asio::experimental::make_parallel_group(
        asio::co_spawn(executor, write_many(writer, 'a'), asio::deferred),
        asio::co_spawn(executor, write_many(writer, 'b'), asio::deferred));
    co_await both.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  }

  static awaitable<void> endless(BodyWriter& writer, Seen* seen) {
    co_await writer.write("begin");
    seen->started.set_value();
    try {
      co_await sleep_for(1h);
    } catch (const boost::system::system_error&) {
      seen->cancelled.set_value();
    }
  }

  asio::io_context context_;
  ServerSettings settings_;
  std::optional<Server> server_;
  std::thread thread_;
  Seen seen_;
};

// A client that sends raw bytes and reads with a limit on its patience.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(context_) {
    socket_.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port));
  }

  Client& send(std::string_view bytes) {
    boost::system::error_code error;
    asio::write(socket_, asio::buffer(bytes), error);
    return *this;
  }

  // Everything until `end` was seen, or the connection ended, or five seconds passed.
  std::string read_until(std::string_view end) {
    while (!text_.contains(end) && fill()) {
    }
    const std::size_t at = text_.find(end);
    return take(at == std::string::npos ? text_.size() : at + end.size());
  }

  // One answer with a Content-Length, or without a body.
  std::string read_answer() {
    std::string head = read_until("\r\n\r\n");
    const std::size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) return head;
    const std::size_t size = std::stoul(head.substr(at + 16));
    while (text_.size() < size && fill()) {
    }
    return head + take(size);
  }

  std::string read_all() {
    while (fill()) {
    }
    return take(text_.size());
  }

  // Whether the server ended the connection, with nothing more sent.
  bool ended() { return read_all().empty() && ended_; }
  bool has_input(std::chrono::milliseconds patience) {
    pollfd poll_fd = {socket_.native_handle(), POLLIN, 0};
    return ::poll(&poll_fd, 1, static_cast<int>(patience.count())) == 1;
  }

  tcp::socket& socket() { return socket_; }

 private:
  bool fill() {
    if (ended_ || !has_input(5s)) return false;
    char buffer[65536];
    boost::system::error_code error;
    const std::size_t count = socket_.read_some(asio::buffer(buffer), error);
    text_.append(buffer, count);
    if (error) ended_ = true;
    return !ended_;
  }
  std::string take(std::size_t count) {
    std::string result = text_.substr(0, count);
    text_.erase(0, result.size());
    return result;
  }

  asio::io_context context_;
  tcp::socket socket_;
  std::string text_;
  bool ended_ = false;
};

bool happens(std::promise<void>& promise) { return promise.get_future().wait_for(5s) == std::future_status::ready; }

const std::string host = " HTTP/1.1\r\nHost: h\r\n";

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

TEST_F(ServerTest, RefusesLargeHeaders) {
  settings_.header_limit = 4096;
  start();
  Client client(server_->port());
  EXPECT_THAT(
      client.send("GET /" + host + "X: " + std::string(8 << 10, 'x') + "\r\n\r\n").read_answer(),
      StartsWith("HTTP/1.1 431 "));
  EXPECT_TRUE(client.ended());
}

TEST_F(ServerTest, CutsSlowHeadersHoweverManyBytesTrickleIn) {
  settings_.header_timeout = 1s;
  start();
  Client client(server_->port());
  const auto begin = std::chrono::steady_clock::now();
  client.send("GET / HTTP/1.1\r\n");
  while (!client.has_input(50ms) && std::chrono::steady_clock::now() - begin < 5s) client.send("X: y\r\n");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 408 "));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  EXPECT_EQ(seen_.requests, 0);
}

TEST_F(ServerTest, CutsSlowBodiesIdleConnectionsAndSlowReaders) {
  settings_.body_timeout = 1s;
  settings_.idle_timeout = 1s;
  start();
  Client idle(server_->port());
  Client body(server_->port());
  Client reader(server_->port());
  body.send("POST /limited" + host + "Content-Length: 5\r\n\r\nab");
  reader.send("GET /big" + host + "\r\n");
  EXPECT_THAT(body.read_answer(), EndsWith("The request body came too slowly"));
  EXPECT_TRUE(body.ended());
  EXPECT_TRUE(idle.ended());
  stop(10s);  // would take the ten seconds if the reader were still served
  EXPECT_LT(reader.read_all().size(), std::size_t{64} << 20);
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

TEST_F(ServerTest, CutsWhatDoesNotEndInTime) {
  start();
  Client busy(server_->port());
  busy.send("GET /wait" + host + "\r\n");
  ASSERT_TRUE(happens(seen_.started));
  const auto begin = std::chrono::steady_clock::now();
  stop(100ms);
  EXPECT_TRUE(happens(seen_.cancelled));
  EXPECT_TRUE(busy.ended());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);
}

TEST_F(ServerTest, AnIdleConnectionMakesRoom) {
  settings_.max_connections = 1;
  start();
  Client first(server_->port());
  EXPECT_THAT(first.send("GET /a" + host + "\r\n").read_answer(), HasSubstr("GET /a "));
  Client second(server_->port());
  EXPECT_THAT(second.send("GET /b" + host + "\r\n").read_answer(), HasSubstr("GET /b "));
  EXPECT_TRUE(first.ended());
}

TEST_F(ServerTest, ProbesGetThroughWhenEverythingIsInUse) {
  settings_.max_connections = 1;
  settings_.probes = {"/health"};
  start();
  Client busy(server_->port());
  busy.send("GET /wait" + host + "\r\n");
  ASSERT_TRUE(happens(seen_.started));
  Client other(server_->port());
  const std::string refused = other.send("GET /a" + host + "\r\n").read_answer();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("Too many connections"));
  Client probe(server_->port());
  EXPECT_THAT(probe.send("GET /health" + host + "\r\n").read_answer(), StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(probe.ended());  // its place is for the next one
  stop(100ms);
}

TEST_F(ServerTest, ThoseWhoHoldReservedPlacesMakeRoomForProbes) {
  settings_.max_connections = 1;
  settings_.reserved_connections = 2;
  settings_.probes = {"/health"};
  start();
  Client busy(server_->port());
  busy.send("GET /wait" + host + "\r\n");
  ASSERT_TRUE(happens(seen_.started));
  std::list<Client> silent;
  for (int i = 0; i < 6; ++i) silent.emplace_back(server_->port()).send("GET /health HTTP/1.1\r\n");
  Client probe(server_->port());
  EXPECT_THAT(probe.send("GET /health" + host + "\r\n").read_answer(), StartsWith("HTTP/1.1 200 "));
  stop(100ms);
}

TEST_F(ServerTest, ManyConnectionsOfOneAddressAreItsOwnTrouble) {
  settings_.max_connections_per_address = 2;
  settings_.reserved_connections = 1;
  start();
  std::list<Client> idle;
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(idle.emplace_back(server_->port()).send("GET /a" + host + "\r\n").read_answer(), HasSubstr("GET /a "));
  }
  EXPECT_TRUE(idle.front().ended());
}

TEST_F(ServerTest, AProxyMayHaveAllConnections) {
  settings_.max_connections_per_address = 1;
  settings_.is_proxy = [](const asio::ip::address& address) { return address.is_loopback(); };
  start();
  Client first(server_->port()), second(server_->port());
  EXPECT_THAT(second.send("GET /b" + host + "\r\n").read_answer(), HasSubstr("GET /b "));
  EXPECT_THAT(first.send("GET /a" + host + "\r\n").read_answer(), HasSubstr("GET /a "));
}

TEST_F(ServerTest, AByteNowAndThenIsNoPace) {
  settings_.body_timeout = 30s;
  settings_.body_head_start = 1s;
  start();
  Client client(server_->port());
  const auto begin = std::chrono::steady_clock::now();
  client.send("POST /echo" + host + "Content-Length: 100000\r\n\r\n");
  while (!client.has_input(50ms) && std::chrono::steady_clock::now() - begin < 20s) client.send("x");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  EXPECT_TRUE(client.read_answer().contains("came too slowly"));
}

TEST_F(ServerTest, AReaderWhoTakesAByteNowAndThenIsCut) {
  settings_.body_timeout = 30s;
  settings_.body_head_start = 1s;
  settings_.least_bytes_per_second = 64 << 20;
  start();
  Client client(server_->port());
  client.send("GET /big" + host + "\r\n");
  ASSERT_TRUE(client.has_input(5s));
  // Some bytes each time, so that something always moves, until the server has had enough.
  std::size_t taken = 0;
  const auto begin = std::chrono::steady_clock::now();
  char buffer[32 << 10];
  boost::system::error_code error;
  while (!error && std::chrono::steady_clock::now() - begin < 20s) {
    taken += client.socket().read_some(asio::buffer(buffer), error);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_LT(taken, std::size_t{64} << 20);
  EXPECT_TRUE(error);
}

TEST_F(ServerTest, BodiesOfAllClientsShareABudget) {
  settings_.body_memory = 16 << 20;  // of which nobody who is unknown gets more than one
  start();
  Client holder(server_->port());
  holder.send("POST /held" + host + "Content-Length: 900000\r\n\r\n" + std::string(900000, 'x'));
  ASSERT_TRUE(happens(seen_.started));
  Client other(server_->port());
  other.send("POST /echo" + host + "Content-Length: 900000\r\n\r\n" + std::string(900000, 'x'));
  EXPECT_THAT(other.read_answer(), HasSubstr("Too many large requests"));
  Client small(server_->port());
  small.send("POST /echo" + host + "Content-Length: 5\r\n\r\nsmall");
  EXPECT_THAT(small.read_answer(), EndsWith("small"));
  stop(100ms);
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
class TlsServerTest : public ServerTest {
 protected:
  TlsServerTest() {
    char pattern[] = "/tmp/net_test.XXXXXX";
    directory_ = ::mkdtemp(pattern);
    settings_.tls = true;
    settings_.certificate_file = directory_ / "certificate.pem";
    settings_.key_file = directory_ / "key.pem";
    make_certificate(settings_.certificate_file, settings_.key_file);
  }
  ~TlsServerTest() override {
    stop(5s);
    std::filesystem::remove_all(directory_);
  }

  static void make_certificate(const std::string& certificate_file, const std::string& key_file) {
    EVP_PKEY* key = ::EVP_EC_gen("P-256");
    X509* certificate = ::X509_new();
    ::X509_set_version(certificate, X509_VERSION_3);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate), 0);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate), 3600);
    ::X509_set_pubkey(certificate, key);
    const auto* name = reinterpret_cast<const unsigned char*>("localhost");
    ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate), "CN", MBSTRING_ASC, name, -1, -1, 0);
    ::X509_set_issuer_name(certificate, ::X509_get_subject_name(certificate));
    ::X509_sign(certificate, key, ::EVP_sha256());
    std::FILE* file = std::fopen(certificate_file.c_str(), "w");
    ::PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(key_file.c_str(), "w");
    ::PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    ::X509_free(certificate);
    ::EVP_PKEY_free(key);
  }

  std::filesystem::path directory_;
};

class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port, asio::ssl::context::method method = asio::ssl::context::tls_client)
      : tls_(method), client_(port), stream_(client_.socket(), tls_) {}

  boost::system::error_code handshake() {
    boost::system::error_code error;
    stream_.handshake(asio::ssl::stream_base::client, error);
    return error;
  }
  std::string exchange(std::string_view request, std::string_view end) {
    asio::write(stream_, asio::buffer(request));
    std::string text;
    boost::system::error_code error;
    while (!error && !text.ends_with(end)) {
      char buffer[16384];
      text.append(buffer, stream_.read_some(asio::buffer(buffer), error));
    }
    return text;
  }
  asio::ssl::context& context() { return tls_; }
  asio::ssl::stream<tcp::socket&>& stream() { return stream_; }

 private:
  asio::ssl::context tls_;
  Client client_;
  asio::ssl::stream<tcp::socket&> stream_;
};

TEST_F(TlsServerTest, ServesOverTls) {
  start();
  TlsClient client(server_->port());
  const unsigned char offered[] = "\x02h2\x08http/1.1";
  ::SSL_set_alpn_protos(client.stream().native_handle(), offered, sizeof offered - 1);
  ASSERT_FALSE(client.handshake());
  const unsigned char* chosen = nullptr;
  unsigned int chosen_size = 0;
  ::SSL_get0_alpn_selected(client.stream().native_handle(), &chosen, &chosen_size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), chosen_size), "http/1.1");
  EXPECT_THAT(client.exchange("GET /a" + host + "X-Request-ID: id\r\n\r\n", "id"), EndsWith("GET /a id"));
  const std::string body(300 << 10, 'x');
  const std::string echoed = client.exchange(
      "POST /echo" + host + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body + "GET /b" + host +
          "X-Request-ID: end\r\n\r\n",
      "GET /b end");
  EXPECT_THAT(echoed, HasSubstr("\r\n\r\n" + body + "HTTP/1.1 200"));
  EXPECT_THAT(
      client.exchange("GET /stream" + host + "Connection: close\r\n\r\n", "nothing"), EndsWith("two\r\n0\r\n\r\n"));
}

TEST_F(TlsServerTest, SaysGoodbye) {
  start();
  TlsClient client(server_->port());
  ASSERT_FALSE(client.handshake());
  client.exchange("GET /a" + host + "Connection: close\r\n\r\n", "nothing");
  EXPECT_NE(::SSL_get_shutdown(client.stream().native_handle()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(TlsServerTest, CancelsTheHandlerWhenTheClientLeaves) {
  start();
  {
    TlsClient client(server_->port());
    ASSERT_FALSE(client.handshake());
    asio::write(client.stream(), asio::buffer("GET /wait" + host + "\r\n"));
    ASSERT_TRUE(happens(seen_.started));
  }
  EXPECT_TRUE(happens(seen_.cancelled));
}

TEST_F(TlsServerTest, RefusesOldVersionsAndPlainText) {
  start();
  TlsClient old(server_->port());
  ::SSL_set_security_level(old.stream().native_handle(), 0);
  ::SSL_set_min_proto_version(old.stream().native_handle(), TLS1_1_VERSION);
  ::SSL_set_max_proto_version(old.stream().native_handle(), TLS1_1_VERSION);
  EXPECT_TRUE(old.handshake());

  Client plain(server_->port());
  plain.send("GET /a" + host + "\r\n");
  EXPECT_THAT(plain.read_all(), Not(HasSubstr("HTTP")));
}

TEST_F(TlsServerTest, ABundleOfAuthoritiesAsksNothingOfClients) {
  settings_.ca_file = settings_.certificate_file;
  start();
  TlsClient stranger(server_->port());
  ASSERT_FALSE(stranger.handshake());
  EXPECT_THAT(stranger.exchange("GET /a" + host + "Connection: close\r\n\r\n", "nothing"), HasSubstr("GET /a "));
}

TEST_F(TlsServerTest, NamesTheFileThatIsWrong) {
  const auto refusal = [this](const ServerSettings& settings) -> std::string {
    try {
      Server server(context_.get_executor(), settings, Handler());
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "accepted";
  };
  ServerSettings missing = settings_;
  missing.certificate_file = "/nonexistent/certificate.pem";
  EXPECT_EQ(refusal(missing), "SSL_CERT_FILE: cannot use /nonexistent/certificate.pem: No such file or directory");
  ServerSettings swapped = settings_;
  swapped.key_file = settings_.certificate_file;
  EXPECT_THAT(refusal(swapped), StartsWith("SSL_KEY_FILE: cannot use " + settings_.certificate_file + ": "));
  ServerSettings foreign = settings_;
  foreign.key_file = directory_ / "other_key.pem";
  make_certificate(directory_ / "other.pem", foreign.key_file);
  EXPECT_THAT(refusal(foreign), StartsWith("SSL_KEY_FILE: the key " + foreign.key_file));
}

}  // namespace
}  // namespace ci::net
