#include "base/changes.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

namespace ci {

void Changes::announce() {
  for (asio::steady_timer* timer : std::exchange(waiting_, {})) timer->cancel();
}

awaitable<void> Changes::wait(Deadline deadline) {
  asio::steady_timer timer(executor_, deadline);
  // Off the list again however the wait ends, also when this frame is destroyed while it waits.
  struct Entry {
    Entry(std::list<asio::steady_timer*>& l, asio::steady_timer& t) : list(l), own(t) { list.push_back(&own); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { std::erase(list, &own); }
    std::list<asio::steady_timer*>& list;
    asio::steady_timer& own;
  } entry(waiting_, timer);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  const auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
}

}  // namespace ci
