#pragma once
// The connections to one server: made when they are needed, kept, at most so many. I/O thread only.

#include <list>
#include <memory>
#include <vector>

#include "store/redis/connection.h"

namespace ci::store::redis {

// Shared by who knows the servers of today and by loans, which may outlast that knowledge.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  // A connection for the time of its owner's work; goes back if it is still good.
  class Loan {
   public:
    Loan(std::shared_ptr<Pool> pool, std::unique_ptr<Connection> connection)
        : pool_(std::move(pool)), connection_(std::move(connection)) {}
    Loan(Loan&&) = default;
    Loan& operator=(Loan&&) = delete;
    ~Loan() {
      if (pool_) pool_->take_back(std::move(connection_));
    }
    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    std::shared_ptr<Pool> pool_;
    std::unique_ptr<Connection> connection_;
  };

  // `access` outlives the pool and its loans.
  Pool(const Access& access, Endpoint endpoint, int limit)
      : access_(access), endpoint_(std::move(endpoint)), limit_(static_cast<size_t>(limit)) {}

  const Endpoint& endpoint() const { return endpoint_; }

  // Those who wait are served in their order. Fails as ConnectFailure when no connection can be made, as
  // `unavailable` when all are busy until the deadline.
  awaitable<Loan> borrow(Deadline deadline);

  // What has come of using a loan, for the log: a line when the server goes and one when it is back.
  void note_success();
  void note_failure(const std::string& reason);

 private:
  struct Waiter {
    explicit Waiter(const asio::any_io_executor& executor, Deadline deadline) : timer(executor, deadline) {}
    asio::steady_timer timer;
    bool called = false;
  };
  // A place among the `limit_`, given up unless it becomes a loan.
  class Place;

  std::unique_ptr<Connection> take_idle();
  awaitable<void> wait_for_place(Deadline deadline);
  void take_back(std::unique_ptr<Connection> connection);
  void release_place();
  void call_next();

  const Access& access_;
  const Endpoint endpoint_;
  const size_t limit_;
  size_t places_ = 0;                              // taken, by connections that are lent, idle or being made
  std::vector<std::unique_ptr<Connection>> idle_;  // the one used last at the end
  std::list<Waiter> waiters_;
  bool is_gone_ = false;  // as far as the log knows
};

}  // namespace ci::store::redis
