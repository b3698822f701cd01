#pragma once
// A store over a Redis that the test starts, stops and cuts off.

// What goes wrong between us and Redis, with real servers.

#include "store/redis/redis_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "store/redis/pool.h"
#include "store/redis/redis_fixtures.h"

namespace ci::store::redis {

using namespace std::chrono_literals;
using store::testing::failure_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

inline std::vector<Write> one(Write write) {
  std::vector<Write> writes;
  writes.push_back(std::move(write));
  return writes;
}

// Lets everybody in, and ends the connection when it has read the first request; answers the later ones.
class Dropper {
 public:
  explicit Dropper(std::string answer) : answer_(std::move(answer)) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = store::testing::loopback_address(port_);
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sys("binding", [&] { return ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); });
    sys("listening", [&] { return ::listen(listener_.get(), 8); });
    thread_ = std::thread([this] { serve(); });
  }
  ~Dropper() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  int port() const { return port_; }
  int requests() const { return requests_; }

 private:
  void serve() {
    for (;;) {
      const UniqueFd peer(::accept(listener_.get(), nullptr, nullptr));
      if (!peer) return;
      char buffer[4096];
      if (::recv(peer.get(), buffer, sizeof buffer, 0) <= 0) continue;
      ::send(peer.get(), "+PONG\r\n", 7, MSG_NOSIGNAL);
      if (::recv(peer.get(), buffer, sizeof buffer, 0) <= 0) continue;
      if (++requests_ == 1) continue;
      ::send(peer.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    }
  }

  const std::string answer_;
  int port_ = store::testing::free_port();
  UniqueFd listener_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

class RedisStore : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string lacks = lacks_redis(); !lacks.empty()) GTEST_SKIP() << lacks;
  }

  void open_at(RedisSettings settings) { store_ = open(loop_.executor(), settings); }
  void set(std::string key, std::string value) {
    loop_.run(store_->write(one(Write::set(std::move(key), std::move(value)))));
  }
  std::optional<std::string> get(std::string key) { return loop_.run(store_->get(std::move(key))); }
  std::string failure_text(awaitable<void> work) {
    try {
      loop_.run(std::move(work));
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.kind(), FailureKind::unavailable) << failure.what();
      return failure.what();
    }
    return "(no failure)";
  }
  template <class Work>
  static std::chrono::milliseconds time_of(Work&& work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  }

  Loop loop_;
  std::unique_ptr<KeyValueStore> store_;
};

}  // namespace ci::store::redis
