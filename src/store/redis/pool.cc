#include "store/redis/pool.h"

#include <fmt/format.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.h"

namespace ci::store::redis {

class Pool::Place {
 public:
  explicit Place(Pool& pool) : pool_(&pool) { ++pool.places_; }
  ~Place() {
    if (pool_ != nullptr) pool_->release_place();
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  void keep() { pool_ = nullptr; }

 private:
  Pool* pool_;
};

awaitable<Pool::Loan> Pool::borrow(Deadline deadline) {
  const auto self = shared_from_this();
  for (bool waited = false;; waited = true) {
    // Who has waited goes before who comes.
    if (waited || waiters_.empty()) {
      if (auto connection = take_idle()) co_return Loan(self, std::move(connection));
      if (places_ < limit_) break;
    }
    co_await wait_for_place(deadline);
  }
  Place place(*this);
  auto connection = co_await Connection::open(access_, endpoint_, deadline);
  place.keep();
  co_return Loan(self, std::move(connection));
}

std::unique_ptr<Connection> Pool::take_idle() {
  while (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    if (connection->is_usable()) return connection;
    --places_;  // the server has ended it: it restarted, or found it idle for too long
  }
  return nullptr;
}

awaitable<void> Pool::wait_for_place(Deadline deadline) {
  // Leaves the queue however this ends. A call that comes too late for it goes to the next one.
  struct Queued {
    Queued(Pool& owner, std::list<Waiter>::iterator place) : pool(owner), waiter(place) {}
    ~Queued() {
      const bool wasted = waiter->called && !used;
      pool.waiters_.erase(waiter);
      if (wasted) pool.call_next();
    }
    Pool& pool;
    std::list<Waiter>::iterator waiter;
    bool used = false;
  };
  Queued queued(*this, waiters_.emplace(waiters_.end(), access_.executor, deadline));
  boost::system::error_code woken;
  co_await queued.waiter->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  queued.used = queued.waiter->called;
  if (queued.used) co_return;
  if (woken) throw boost::system::system_error(woken);  // cancelled
  throw Failure(
      FailureKind::unavailable, fmt::format("all {} connections to Redis are busy (REDIS_MAX_CONNECTIONS)", limit_));
}

void Pool::call_next() {
  for (Waiter& waiter : waiters_) {
    if (waiter.called) continue;
    waiter.called = true;
    waiter.timer.cancel();
    return;
  }
}

void Pool::take_back(std::unique_ptr<Connection> connection) {
  if (!connection || !connection->is_usable()) {
    release_place();
    return;
  }
  idle_.push_back(std::move(connection));
  call_next();
}

void Pool::release_place() {
  --places_;
  call_next();
}

void Pool::note_success() {
  if (is_gone_) log_info("redis answers again", {{"server", endpoint_.text()}});
  is_gone_ = false;
}

void Pool::note_failure(const std::string& reason) {
  if (!is_gone_) log_warning("redis does not answer", {{"server", endpoint_.text()}, {"reason", reason}});
  is_gone_ = true;
}

}  // namespace ci::store::redis
