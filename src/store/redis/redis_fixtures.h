#pragma once
// For tests: servers in the arrangements that the store knows, and a way to talk to them past it.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/redis/connection.h"
#include "store/redis/redis_store.h"
#include "store/testing/redis_server.h"

namespace ci::store::redis {

using store::testing::Loop;
using store::testing::RedisServer;
using store::testing::TestCertificates;

inline std::string lacks_redis() { return RedisServer::is_installed() ? "" : "redis-server is not installed"; }

inline RedisSettings settings_for(const RedisServer& server) {
  RedisSettings settings;
  settings.host = "127.0.0.1";
  settings.port = server.port();
  return settings;
}

inline awaitable<Reply> ask_once(const Access& access, int port, std::vector<std::string> words) {
  const std::vector<std::string_view> views(words.begin(), words.end());
  const Command command(views);
  const std::string_view text = command.bytes();
  const Deadline deadline = after(std::chrono::seconds(10));
  Endpoint endpoint("127.0.0.1", port);
  const auto connection = co_await Connection::open(access, std::move(endpoint), deadline);
  Connection::Answer answer = co_await connection->ask(std::span(&text, 1), deadline);
  CHECK(!answer.loss);
  co_return std::move(answer.replies.front());
}

// What the server on `port` says, asked with the log-in and TLS of `settings`.
inline Reply tell(Loop& loop, const RedisSettings& settings, int port, std::vector<std::string> words) {
  const Target target = resolve(settings);
  auto tls = open_tls(target);
  Access access(loop.executor(), target.login);
  access.tls = tls ? &*tls : nullptr;
  access.check_hostname = target.check_hostname;
  return loop.run(ask_once(access, port, std::move(words)));
}

// Moves the ends of all lives on that server nearer: what would otherwise be waiting.
inline void hasten(Loop& loop, const RedisSettings& settings, int port, std::chrono::milliseconds time) {
  constexpr const char* script =
      "for _,k in ipairs(redis.call('KEYS','*')) do local t=redis.call('PTTL',k) "
      "if t>=0 then redis.call('PEXPIRE',k,t-ARGV[1]) end "
      "if redis.call('TYPE',k).ok=='zset' then for _,m in ipairs(redis.call('ZRANGE',k,0,-1)) do "
      "redis.call('ZINCRBY',k,-ARGV[1],m) end end end return 'done'";
  const Reply reply = tell(loop, settings, port, {"EVAL", script, "0", std::to_string(time.count())});
  CHECK(reply.text == "done");
}

// Three masters that share the slots.
class TestCluster {
 public:
  explicit TestCluster(Loop& loop) : loop_(loop) {
    for (int i = 0; i < 3; ++i) {
      bus_ports_.push_back(store::testing::free_port());
      nodes_.push_back(std::make_unique<RedisServer>(std::vector<std::string>{
          "--cluster-enabled", "yes", "--cluster-port", std::to_string(bus_ports_.back()), "--cluster-node-timeout",
          "2000"}));
    }
    for (size_t i = 0; i < 3; ++i) {
      const int first = static_cast<int>(i) * 5461;
      const int last = i == 2 ? 16383 : first + 5460;
      say(i, {"CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)});
      say(i, {"CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)});
      if (i > 0)
        say(0, {"CLUSTER", "MEET", "127.0.0.1", std::to_string(node(i).port()), std::to_string(bus_ports_[i])});
    }
    const auto is_ready = [this] {
      for (size_t i = 0; i < 3; ++i) {
        const std::string info = say(i, {"CLUSTER", "INFO"}).text;
        if (!info.contains("cluster_state:ok") || !info.contains("cluster_known_nodes:3")) return false;
      }
      return true;
    };
    CHECK(store::testing::eventually(std::chrono::seconds(30), is_ready));
  }

  RedisServer& node(size_t i) { return *nodes_[i]; }
  size_t size() const { return nodes_.size(); }
  Reply say(size_t i, std::vector<std::string> words) {
    return tell(loop_, settings_for(node(i)), node(i).port(), std::move(words));
  }
  // Of the node that a slot was given to at first.
  static size_t first_owner(std::uint16_t slot) { return std::min<size_t>(slot / 5461, 2); }

  RedisSettings settings() {
    RedisSettings settings;
    settings.mode = "cluster";
    settings.cluster_nodes = {node(1).address(), node(2).address()};
    return settings;
  }

 private:
  Loop& loop_;
  std::vector<int> bus_ports_;
  std::vector<std::unique_ptr<RedisServer>> nodes_;
};

// A master and a sentinel that watches it; a replica when there is to be somewhere to go.
class TestSentinel {
 public:
  TestSentinel(Loop& loop, bool with_replica) {
    master_ = std::make_unique<RedisServer>();
    if (with_replica) {
      replica_ = std::make_unique<RedisServer>(
          std::vector<std::string>{"--replicaof", "127.0.0.1 " + std::to_string(master_->port())});
      const auto is_in_step = [&] {
        const RedisSettings settings = settings_for(*replica_);
        return tell(loop, settings, replica_->port(), {"INFO", "replication"}).text.contains("master_link_status:up");
      };
      CHECK(store::testing::eventually(std::chrono::seconds(20), is_in_step));
    }
    sentinel_ = std::make_unique<RedisServer>(std::vector<std::string>{
        "sentinel monitor records 127.0.0.1 " + std::to_string(master_->port()) + " 1",
        "sentinel down-after-milliseconds records 500", "sentinel failover-timeout records 3000",
        "requirepass watcher"});
  }

  RedisServer& master() { return *master_; }
  RedisServer& replica() { return *replica_; }
  RedisServer& sentinel() { return *sentinel_; }

  RedisSettings settings() {
    RedisSettings settings;
    settings.mode = "sentinel";
    settings.sentinel_nodes = {"127.0.0.1:1", sentinel_->address()};  // nobody listens on the first
    settings.sentinel_master = "records";
    settings.sentinel_password = "watcher";
    return settings;
  }

 private:
  std::unique_ptr<RedisServer> master_, replica_, sentinel_;
};

}  // namespace ci::store::redis
