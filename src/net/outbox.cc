#include "net/outbox.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

namespace ci::net {

struct Outbox::Waiting {
  explicit Waiting(asio::any_io_executor executor) : timer(std::move(executor), Deadline::max()) {}
  asio::steady_timer timer;
  bool admitted = false;
};

// Leaves the turn with us, or throws because we were cancelled.
awaitable<void> Outbox::wait_for_turn() {
  if (!writing_) {
    writing_ = true;
    co_return;
  }
  Waiting me(executor_);
  waiting_.push_back(&me);
  boost::system::error_code ended;
  co_await me.timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  const auto cancelled = co_await asio::this_coro::cancellation_state;
  if (!me.admitted) waiting_.remove(&me);
  if (cancelled.cancelled() == asio::cancellation_type::none && me.admitted) co_return;
  if (me.admitted) leave();
  throw boost::system::system_error(asio::error::operation_aborted);
}

void Outbox::leave() {
  if (waiting_.empty()) {
    writing_ = false;
    return;
  }
  Waiting& next = *waiting_.front();
  waiting_.pop_front();
  next.admitted = true;
  next.timer.cancel();
}

awaitable<void> Outbox::write(Transport::Pieces pieces) {
  co_await wait_for_turn();
  try {
    if (torn_) throw boost::system::system_error(asio::error::broken_pipe, "writing to a client");
    torn_ = true;  // until the last byte is out
    while (asio::buffer_size(pieces) > 0) {
      deadline_ = pace_.begin_wait(std::chrono::steady_clock::now());
      std::size_t count = co_await transport_.write_some(pieces);
      deadline_ = Deadline::max();
      pace_.end_wait(std::chrono::steady_clock::now(), count);
      for (asio::const_buffer& piece : pieces) {
        const std::size_t taken = std::min(count, piece.size());
        piece += taken;
        count -= taken;
      }
    }
    torn_ = false;
  } catch (...) {
    deadline_ = Deadline::max();
    leave();
    throw;
  }
  leave();
}

}  // namespace ci::net
