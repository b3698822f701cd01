#pragma once
// Which server holds a key: one for all (standalone), the one that sentinels name, or one of a cluster's masters.
// I/O thread only.

#include <memory>
#include <vector>

#include "store/redis/pool.h"

namespace ci::store::redis {

class Servers {
 public:
  virtual ~Servers() = default;

  // Whether keys of different slots may be on different servers.
  virtual bool are_many() const = 0;

  // Whoever holds the keys of a slot. May have to ask around first, and fails as `unavailable` when nobody knows.
  virtual awaitable<std::shared_ptr<Pool>> find(std::uint16_t slot, Deadline deadline) = 0;

  // All that hold keys, in an order that stays as long as they do.
  virtual awaitable<std::vector<std::shared_ptr<Pool>>> all(Deadline deadline) = 0;

  // That very server: a cluster sent us there, or a scan goes on there.
  virtual std::shared_ptr<Pool> at(const Endpoint& endpoint) = 0;

  // A server said who holds this slot now.
  virtual void learn(std::uint16_t slot, const Endpoint& owner) = 0;

  // A server was lost, or is no master any more: who holds what is to be asked again before the next use.
  virtual void doubt() = 0;
};

// Where connections are made for.
struct Site {
  Site(const Access& how, int limit) : access(how), max_connections(limit) {}
  const Access& access;  // outlives the servers
  int max_connections;   // to each

  std::shared_ptr<Pool> open(const Endpoint& endpoint) const {
    return std::make_shared<Pool>(access, endpoint, max_connections);
  }
};

std::unique_ptr<Servers> open_standalone(const Site& site, const Endpoint& server);
// `sentinel_access` outlives the servers.
std::unique_ptr<Servers> open_sentinel(
    const Site& site, const Access& sentinel_access, std::vector<Endpoint> sentinels, std::string master);
std::unique_ptr<Servers> open_cluster(const Site& site, std::vector<Endpoint> first_nodes);

// What several want done at the same time is done by one of them, while the others wait.
class OneAtATime {
 public:
  explicit OneAtATime(const asio::any_io_executor& executor) : done_(executor, Deadline::max()) {}

  class Turn {
   public:
    explicit Turn(OneAtATime& owner) : owner_(owner) { owner.running_ = true; }
    ~Turn() {
      owner_.running_ = false;
      owner_.done_.cancel();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    OneAtATime& owner_;
  };

  bool is_running() const { return running_; }
  awaitable<void> wait();

 private:
  asio::steady_timer done_;
  bool running_ = false;
};

// A share of the time that is left, when `left` places remain to be tried: one that does not answer must not use up
// the time of all.
Deadline share_of(Deadline deadline, size_t left);

}  // namespace ci::store::redis
