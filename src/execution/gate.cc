#include "execution/gate.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

#include "base/failure.h"

namespace ci::execution {

namespace {

constexpr std::size_t most_waiting = 1000;

}  // namespace

awaitable<Gate::Pass> Gate::enter(std::string owner, Deadline deadline) {
  if (places_ == 0 || taken_ < places_) {
    ++taken_;
    co_return Pass(*this);
  }
  if (!may_wait(waiting_.size_of(owner), waiting_.size(), most_waiting)) {
    throw Failure(FailureKind::unavailable, "Too many executions are waiting; try again later");
  }
  asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
  Waiting me(timer);
  waiting_.push(owner, me);
  boost::system::error_code ended;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  // leave() has counted the place as ours and taken us off the queue, whatever else ended the wait.
  if (me.admitted) co_return Pass(*this);
  waiting_.remove(me);
  if (ended) throw boost::system::system_error(ended);
  throw Failure(FailureKind::unavailable, "Too many executions are running; try again later");
}

void Gate::leave() {
  Waiting* next = taken_ > places_ && places_ > 0 ? nullptr : waiting_.pop();
  if (next == nullptr) {
    --taken_;
    return;
  }
  next->admitted = true;
  next->timer.cancel();
}

}  // namespace ci::execution
