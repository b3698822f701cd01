#include "net/client/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/failure.h"
#include "base/run_until.h"
#include "net/client/testing/client_test.h"
#include "net/client/testing/scripted_server.h"

namespace ci::net::client {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::Heard;
using testing::ScriptedServer;
using HttpClient = testing::ClientTest;

TEST_F(HttpClient, SendsMethodHeadersAndBodyAndReadsTheAnswer) {
  ScriptedServer server(
      [](const Heard&) { return ScriptedServer::answer("418 I'm a teapot", "short", "X-Kind:  two words \r\n"); });
  const std::string body(3 << 20, 'b');
  Request request("PUT", server.url() + "/a/../b%2F?x=1&y=");
  request.headers.emplace_back("X-Mine: yes");
  request.body = std::as_bytes(std::span(body));
  const Response response = run(client_->send(std::move(request)));
  EXPECT_EQ(response.head.status, 418);
  EXPECT_EQ(response.body, "short");
  ASSERT_NE(response.head.find("x-kind"), nullptr);
  EXPECT_EQ(*response.head.find("x-kind"), "two words");
  const Heard heard = server.heard().at(0);
  EXPECT_EQ(heard.method, "PUT");
  EXPECT_EQ(heard.target, "/a/../b%2F?x=1&y=");
  EXPECT_TRUE(heard.has("X-Mine: yes"));
  EXPECT_EQ(heard.body, body);
  EXPECT_FALSE(heard.head.contains("Expect:"));
}

TEST_F(HttpClient, MethodsWithoutABodySayWhatTheyMust) {
  ScriptedServer server([](const Heard& heard) {
    return heard.method == "HEAD" ? std::string("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 99\r\n\r\n")
                                  : ScriptedServer::answer("200 OK", heard.method);
  });
  for (const char* method : {"GET", "DELETE", "POST", "PUT"}) {
    EXPECT_EQ(run(client_->send(Request(method, server.url() + "/"))).body, method);
  }
  EXPECT_EQ(*run(client_->send(Request("HEAD", server.url() + "/"))).head.find("content-length"), "99");
  EXPECT_TRUE(server.heard()[2].has("Content-Length: 0"));
  EXPECT_TRUE(server.heard()[3].has("Content-Length: 0"));
}

// 50 MB are offered; what nobody reads stays with the server.
TEST_F(HttpClient, HoldsTheOtherSideBack) {
  const std::string large(50 << 20, 'x');
  ScriptedServer server([&](const Heard&) { return ScriptedServer::answer("200 OK", large); });
  const auto stream = run(client_->open(Request("GET", server.url() + "/")));
  EXPECT_EQ(stream->head().status, 200);
  asio::steady_timer timer(context_, 300ms);
  bool over = false;
  timer.async_wait([&](auto) { over = true; });
  run_until(context_, [&] { return over; });
  EXPECT_LT(server.bytes_sent(), 20u << 20);  // our buffer and those of the two sockets
  EXPECT_EQ(run(read_all(*stream, 100'000)), large);
}

TEST_F(HttpClient, AnAbandonedStreamEndsAndOthersGoOn) {
  const std::string large(5 << 20, 'x');
  ScriptedServer server(
      [&](const Heard& heard) { return ScriptedServer::answer("200 OK", heard.target == "/large" ? large : "ok"); });
  {
    const auto stream = run(client_->open(Request("GET", server.url() + "/large")));
  }
  EXPECT_EQ(run(client_->send(Request("GET", server.url() + "/"))).body, "ok");
  // A stream may outlive its client.
  auto left = run(client_->open(Request("GET", server.url() + "/large")));
  client_.reset();
  EXPECT_EQ(run(read_all(*left, 10'000)).size(), large.size());
}

TEST_F(HttpClient, FailuresNameTheHostAndTheReason) {
  EXPECT_THAT(failure_of(Request("GET", "http://127.0.0.1:1/x?secret=1")), HasSubstr("127.0.0.1:1: "));
  EXPECT_THAT(failure_of(Request("GET", "http://no-such-host.invalid/")), HasSubstr("no-such-host.invalid: "));
  ScriptedServer closing([](const Heard&) { return ""; });
  EXPECT_THAT(failure_of(Request("GET", closing.url() + "/")), HasSubstr(closing.address()));
  ScriptedServer short_body([](const Heard&) { return "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"; });
  EXPECT_THAT(failure_of(Request("GET", short_body.url() + "/")), HasSubstr(short_body.address()));
}

TEST_F(HttpClient, SilenceAndDeadlinesEndAWait) {
  std::atomic<bool> over = false;
  const auto hang = [&over](const Heard&) {
    while (!over) std::this_thread::sleep_for(5ms);
    return std::string();
  };
  ScriptedServer silent(hang);
  Request request("GET", silent.url() + "/");
  request.silence = 150ms;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(failure_of(std::move(request)), HasSubstr("no answer in time"));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 150ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  ScriptedServer late(hang);
  Request in_a_hurry("GET", late.url() + "/");
  in_a_hurry.deadline = after(100ms);
  EXPECT_THAT(failure_of(std::move(in_a_hurry)), HasSubstr("no answer in time"));
  over = true;
}

TEST_F(HttpClient, ManyAtOnce) {
  ScriptedServer server([](const Heard& heard) { return ScriptedServer::answer("200 OK", heard.target); });
  int left = 100;
  const auto ask = [](Client& client, std::string url, std::string expected) -> awaitable<void> {
    const Response response = co_await client.send(Request("GET", url + expected));
    EXPECT_EQ(response.body, expected);
  };
  for (int i = 0; i < 100; ++i) {
    asio::co_spawn(context_, ask(*client_, server.url(), "/" + std::to_string(i)), [&](std::exception_ptr failure) {
      EXPECT_FALSE(failure);
      --left;
    });
  }
  run_until(context_, [&] { return left == 0; });
}

TEST_F(HttpClient, CancellingACallEndsIt) {
  std::atomic<bool> over = false;
  ScriptedServer server([&](const Heard&) {
    while (!over) std::this_thread::sleep_for(5ms);
    return std::string();
  });
  asio::cancellation_signal signal;
  std::exception_ptr ended;
  bool done = false;
  asio::co_spawn(
      context_, client_->send(Request("GET", server.url() + "/")),
      asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr failure, const Response&) {
        ended = failure;
        done = true;
      }));
  asio::steady_timer timer(context_, 100ms);
  timer.async_wait([&](auto) { signal.emit(asio::cancellation_type::terminal); });
  run_until(context_, [&] { return done; });
  EXPECT_THROW(std::rethrow_exception(ended), boost::system::system_error);
  over = true;
}

// A body that is made while it is sent. Says how much of it was asked for.
class Made final : public ByteSource {
 public:
  Made(std::size_t size, std::size_t& taken) : size_(size), taken_(taken) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override {
    co_await sleep_for(100us);  // it comes from elsewhere
    if (fails_at && taken_ >= *fails_at) throw Failure(FailureKind::not_found, "it went away");
    const std::size_t count = std::min({into.size(), size_ - taken_, std::size_t{50'000}});
    std::memset(into.data(), 'm', count);
    taken_ += count;
    co_return count;
  }
  std::optional<std::size_t> fails_at;

 private:
  std::size_t size_;
  std::size_t& taken_;
};

TEST_F(HttpClient, StreamsABodyOfKnownSize) {
  ScriptedServer server(
      [](const Heard& heard) { return ScriptedServer::answer("200 OK", std::to_string(heard.body.size())); });
  std::size_t taken = 0;
  Request request("PUT", server.url() + "/");
  request.streamed = StreamedBody(std::make_unique<Made>(3 << 20, taken), 3 << 20);
  EXPECT_EQ(run(client_->send(std::move(request))).body, std::to_string(3 << 20));
  EXPECT_EQ(server.heard()[0].body, std::string(3 << 20, 'm'));
  EXPECT_TRUE(server.heard()[0].has("Content-Length: 3145728"));
}

TEST_F(HttpClient, StreamsABodyOfUnknownSizeInChunks) {
  ScriptedServer server([](const Heard& heard) { return ScriptedServer::answer("200 OK", heard.body); });
  std::size_t taken = 0;
  Request request("POST", server.url() + "/");
  request.streamed = StreamedBody(std::make_unique<Made>(300'000, taken));
  EXPECT_EQ(run(client_->send(std::move(request))).body, std::string(300'000, 'm'));
  EXPECT_TRUE(server.heard()[0].has("Transfer-Encoding: chunked"));
  EXPECT_FALSE(server.heard()[0].head.contains("Content-Length"));
}

TEST_F(HttpClient, AnEmptyStreamedBodyIsABody) {
  ScriptedServer server([](const Heard& heard) { return ScriptedServer::answer("200 OK", heard.method); });
  std::size_t taken = 0;
  Request request("PUT", server.url() + "/");
  request.streamed = StreamedBody(std::make_unique<Made>(0, taken), 0);
  EXPECT_EQ(run(client_->send(std::move(request))).body, "PUT");
}

// The other side takes nothing: what is made meanwhile is bounded.
TEST_F(HttpClient, AStreamedBodyIsNotMadeFasterThanItIsTaken) {
  std::atomic<bool> over = false;
  ScriptedServer server;
  server.before_body = [&] {
    while (!over) std::this_thread::sleep_for(5ms);
  };
  server.start([](const Heard& heard) { return ScriptedServer::answer("200 OK", std::to_string(heard.body.size())); });
  std::size_t taken = 0, before = 1;
  const std::size_t size = 100 << 20;
  Request request("PUT", server.url() + "/");
  request.streamed = StreamedBody(std::make_unique<Made>(size, taken), size);
  std::optional<Response> response;
  asio::co_spawn(context_, client_->send(std::move(request)), [&](std::exception_ptr failure, Response got) {
    EXPECT_FALSE(failure);
    response.emplace(std::move(got));
  });
  // Until it stands still.
  while (taken == 0 || taken != before) {
    before = taken;
    context_.restart();
    context_.run_for(300ms);
  }
  EXPECT_LT(taken, std::size_t{30} << 20);  // the buffers of two sockets
  over = true;
  run_until(context_, [&] { return response.has_value(); });
  EXPECT_EQ(response->body, std::to_string(size));
}

TEST_F(HttpClient, WhatAStreamedBodyFailsWithGoesThrough) {
  ScriptedServer server([](const Heard&) { return ScriptedServer::answer("200 OK", ""); });
  std::size_t taken = 0;
  auto made = std::make_unique<Made>(300'000, taken);
  made->fails_at = 100'000;
  Request request("PUT", server.url() + "/");
  request.streamed = StreamedBody(std::move(made), 300'000);
  try {
    run(client_->send(std::move(request)));
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.kind(), FailureKind::not_found);
  }
  taken = 0;
  Request too_short("PUT", server.url() + "/");
  too_short.streamed = StreamedBody(std::make_unique<Made>(1000, taken), 2000);
  EXPECT_THAT(failure_of(std::move(too_short)), HasSubstr("shorter than announced"));
}

}  // namespace
}  // namespace ci::net::client
