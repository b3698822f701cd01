#pragma once
// The few things every coroutine here needs: deadlines, a pool for blocking work, owned background tasks.
// One thread runs the one io_context; what stands between two co_awaits is a transaction.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace ci {

namespace asio = boost::asio;
using asio::awaitable;

using Deadline = std::chrono::steady_clock::time_point;

inline Deadline after(std::chrono::steady_clock::duration time) {
  return std::chrono::steady_clock::now() + time;
}

// Runs blocking `work` on `pool` and comes back to the caller's executor with its result or exception.
// `work` and its result must be movable. It is not cancelled: the caller waits for it.
template <class Work>
awaitable<std::invoke_result_t<Work&>> on_pool(asio::thread_pool& pool, Work work) {
  // A named coroutine lambda awaited in this scope may borrow `work` (style: the GCC 12 trap).
  auto run = [&work]() -> awaitable<std::invoke_result_t<Work&>> { co_return work(); };
  co_return co_await asio::co_spawn(pool.get_executor(), run(), asio::use_awaitable);
}

// Runs `work` until the deadline; nothing means time ran out and `work` was cancelled and has ended.
// Not `work || timer`: that waits for a success, so a failure would surface late, as a timeout.
template <class T>
awaitable<std::optional<T>> until(Deadline deadline, awaitable<T> work) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, deadline);
  auto race = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(work), asio::deferred), timer.async_wait(asio::deferred));
  auto [order, failure, result, timer_error] =
      co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 1) co_return std::nullopt;
  if (failure) std::rethrow_exception(failure);
  co_return std::move(result);
}

// Sleeps. Throws operation_aborted when cancelled.
awaitable<void> sleep_for(std::chrono::steady_clock::duration time);

// Work without a caller. Failures are logged with `name`; stop() cancels all and waits for the last.
// Used and destroyed on the I/O thread; stop() must have completed before destruction.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor) : executor_(std::move(executor)), done_(executor_) {}

  void spawn(std::string name, awaitable<void> work);
  awaitable<void> stop();
  size_t size() const { return running_.size(); }

 private:
  struct Task {
    asio::cancellation_signal cancel;
  };

  asio::any_io_executor executor_;
  asio::steady_timer done_;
  std::list<Task> running_;
};

}  // namespace ci
