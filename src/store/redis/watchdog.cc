#include "store/redis/watchdog.h"

namespace ci::store::redis {

struct Watchdog::State {
  State(asio::any_io_executor executor, Deadline time, std::function<void()> action)
      : timer(std::move(executor)), deadline(time), bite(std::move(action)) {}
  asio::steady_timer timer;
  Deadline deadline;
  std::function<void()> bite;
  bool over = false;
  bool bitten = false;
};

Watchdog::Watchdog(asio::any_io_executor executor, Deadline deadline, std::function<void()> bite)
    : state_(std::make_shared<State>(std::move(executor), deadline, std::move(bite))) {
  wait(state_);
}

Watchdog::~Watchdog() {
  state_->over = true;
  state_->timer.cancel();
}

void Watchdog::move(Deadline deadline) { state_->deadline = std::max(state_->deadline, deadline); }

bool Watchdog::has_bitten() const { return state_->bitten; }

void Watchdog::wait(const std::shared_ptr<State>& state) {
  state->timer.expires_at(state->deadline);
  state->timer.async_wait([state](const boost::system::error_code& error) {
    if (error || state->over) return;
    if (std::chrono::steady_clock::now() < state->deadline) {
      wait(state);
      return;
    }
    state->bitten = true;
    state->bite();
  });
}

}  // namespace ci::store::redis
