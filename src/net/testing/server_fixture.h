#pragma once
// A server on a port of its own, and a client that says exactly what a test wants.

#include "net/server.h"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
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

inline bool happens(std::promise<void>& promise) {
  return promise.get_future().wait_for(5s) == std::future_status::ready;
}

const std::string host = " HTTP/1.1\r\nHost: h\r\n";

}  // namespace ci::net
