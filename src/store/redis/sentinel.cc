#include <fmt/format.h>

#include <charconv>

#include "base/log.h"
#include "store/redis/servers.h"

namespace ci::store::redis {

namespace {

class Sentinel final : public Servers {
 public:
  Sentinel(const Site& site, const Access& access, std::vector<Endpoint> sentinels, std::string master)
      : site_(site),
        access_(access),
        sentinels_(std::move(sentinels)),
        master_(std::move(master)),
        asking_(access.executor) {}

  bool are_many() const override { return false; }

  awaitable<std::shared_ptr<Pool>> find(std::uint16_t, Deadline deadline) override {
    while (!pool_ || doubted_) {
      if (asking_.is_running()) {
        co_await asking_.wait();
      } else {
        co_await ask(deadline);
      }
    }
    co_return pool_;
  }

  awaitable<std::vector<std::shared_ptr<Pool>>> all(Deadline deadline) override {
    std::shared_ptr<Pool> pool = co_await find(0, deadline);
    std::vector<std::shared_ptr<Pool>> all(1, std::move(pool));
    co_return all;
  }

  // A scan that began on an earlier master goes on with the new one.
  std::shared_ptr<Pool> at(const Endpoint&) override { return pool_; }
  void learn(std::uint16_t, const Endpoint&) override {}
  void doubt() override { doubted_ = true; }

 private:
  awaitable<void> ask(Deadline deadline) {
    const OneAtATime::Turn turn(asking_);
    std::string reason = "no sentinel is named";
    for (size_t tried = 0; tried < sentinels_.size(); ++tried) {
      // In turn: the one that was asked last may be wrong about the master.
      const Endpoint sentinel = sentinels_[next_++ % sentinels_.size()];
      std::optional<Endpoint> master;
      try {
        master = co_await ask_one(sentinel, share_of(deadline, sentinels_.size() - tried));
        reason = fmt::format("no sentinel knows a master \"{}\" (REDIS_SENTINEL_MASTER)", master_);
      } catch (const Failure& failure) {
        reason = fmt::format("no sentinel answers: {}", failure.what());
        log_debug("a sentinel does not answer", {{"server", sentinel.text()}, {"reason", failure.what()}});
      }
      if (!master) continue;
      if (!pool_ || pool_->endpoint() != *master) {
        log_info("redis master found", {{"server", master->text()}, {"sentinel", sentinel.text()}});
        pool_ = site_.open(*master);
      }
      doubted_ = false;
      co_return;
    }
    throw ConnectFailure(ConnectFailure::Outlook::passing, reason);
  }

  awaitable<std::optional<Endpoint>> ask_one(Endpoint sentinel, Deadline deadline) {
    const auto connection = co_await Connection::open(access_, sentinel, deadline);
    const Command command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_});
    const std::string_view text = command.bytes();
    const Connection::Answer answer = co_await connection->ask(std::span(&text, 1), deadline);
    if (answer.loss) throw ConnectFailure(ConnectFailure::Outlook::passing, *answer.loss);
    const Reply& reply = answer.replies.front();
    if (reply.is_error()) throw ConnectFailure(ConnectFailure::Outlook::passing, reply.text);
    if (reply.elements.size() != 2) co_return std::nullopt;
    const std::string& port = reply.elements[1].text;
    int number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    co_return Endpoint(reply.elements[0].text, number);
  }

  const Site site_;
  const Access& access_;
  const std::vector<Endpoint> sentinels_;
  const std::string master_;
  std::shared_ptr<Pool> pool_;
  size_t next_ = 0;
  bool doubted_ = false;
  OneAtATime asking_;
};

}  // namespace

std::unique_ptr<Servers> open_sentinel(
    const Site& site, const Access& sentinel_access, std::vector<Endpoint> sentinels, std::string master) {
  return std::make_unique<Sentinel>(site, sentinel_access, std::move(sentinels), std::move(master));
}

}  // namespace ci::store::redis
