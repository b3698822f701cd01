#include <boost/asio/redirect_error.hpp>

#include "store/redis/servers.h"

namespace ci::store::redis {

namespace {

class Standalone final : public Servers {
 public:
  Standalone(const Site& site, const Endpoint& server) : pool_(site.open(server)) {}

  bool are_many() const override { return false; }
  awaitable<std::shared_ptr<Pool>> find(std::uint16_t, Deadline) override { co_return pool_; }
  awaitable<std::vector<std::shared_ptr<Pool>>> all(Deadline) override {
    std::vector<std::shared_ptr<Pool>> all(1, pool_);
    co_return all;
  }
  std::shared_ptr<Pool> at(const Endpoint&) override { return pool_; }
  void learn(std::uint16_t, const Endpoint&) override {}
  void doubt() override {}

 private:
  std::shared_ptr<Pool> pool_;
};

}  // namespace

std::unique_ptr<Servers> open_standalone(const Site& site, const Endpoint& server) {
  return std::make_unique<Standalone>(site, server);
}

awaitable<void> OneAtATime::wait() {
  boost::system::error_code woken;
  co_await done_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
}

Deadline share_of(Deadline deadline, size_t left) {
  const Deadline now = std::chrono::steady_clock::now();
  return now + (deadline - now) / static_cast<int>(std::max<size_t>(left, 1));
}

}  // namespace ci::store::redis
