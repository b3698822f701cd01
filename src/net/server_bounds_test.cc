#include "net/testing/server_fixture.h"

namespace ci::net {
namespace {

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

}  // namespace
}  // namespace ci::net
