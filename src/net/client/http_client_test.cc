#include "net/client/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <optional>

#include "base/failure.h"
#include "net/client/testing/scripted_server.h"

namespace ci::net::client {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::Heard;
using testing::ScriptedServer;

class HttpClient : public ::testing::Test {
 protected:
  HttpClient() {
    settings_.proxies = false;
    client_.emplace(context_.get_executor(), settings_);
  }

  template <class T>
  T run(awaitable<T> work) {
    std::optional<T> result;
    std::exception_ptr failure;
    bool done = false;
    const auto keep = [](awaitable<T> inner, std::optional<T>& into) -> awaitable<void> {
      T value = co_await std::move(inner);
      into.emplace(std::move(value));
    };
    asio::co_spawn(context_, keep(std::move(work), result), [&](std::exception_ptr ended) {
      failure = ended;
      done = true;
    });
    context_.restart();
    while (!done) context_.run_one();
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }

  std::string failure_of(Request request) {
    try {
      run(client_->send(std::move(request)));
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::unavailable);
      return failure.what();
    }
    return "none";
  }

  static awaitable<std::string> read_all(Stream& stream, size_t piece) {
    std::string all;
    std::vector<std::byte> buffer(piece);
    for (;;) {
      const size_t count = co_await stream.read_some(buffer);
      if (count == 0) co_return all;
      all.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
  }

  asio::io_context context_;
  Settings settings_;
  std::optional<Client> client_;
};

TEST_F(HttpClient, SendsMethodHeadersAndBodyAndReadsTheAnswer) {
  ScriptedServer server([](const Heard&) { return ScriptedServer::answer("418 I'm a teapot", "short", "X-Kind:  two words \r\n"); });
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
  while (!over) context_.run_one();
  EXPECT_LT(server.bytes_sent(), 20u << 20);  // our buffer and those of the two sockets
  EXPECT_EQ(run(read_all(*stream, 100'000)), large);
}

TEST_F(HttpClient, AnAbandonedStreamEndsAndOthersGoOn) {
  const std::string large(5 << 20, 'x');
  ScriptedServer server([&](const Heard& heard) { return ScriptedServer::answer("200 OK", heard.target == "/large" ? large : "ok"); });
  { const auto stream = run(client_->open(Request("GET", server.url() + "/large"))); }
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
  while (left > 0) context_.run_one();
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
  while (!done) context_.run_one();
  EXPECT_THROW(std::rethrow_exception(ended), boost::system::system_error);
  over = true;
}

}  // namespace
}  // namespace ci::net::client
