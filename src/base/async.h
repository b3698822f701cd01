#pragma once
// The few things every coroutine here needs: deadlines, a pool for blocking work, owned background tasks.
// One thread runs the one io_context; what stands between two co_awaits is a transaction.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
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

inline Deadline after(std::chrono::steady_clock::duration time) { return std::chrono::steady_clock::now() + time; }

// Runs blocking `work` on `pool` and comes back to the caller's executor with its result or exception.
// It is not cancelled: the caller waits for it. Not co_spawn, which in Boost 1.81 ends the program when the caller is
// cancelled before the pool has begun.
template <class Work>
awaitable<std::invoke_result_t<Work&>> on_pool(asio::thread_pool& pool, Work work) {
  using Result = std::invoke_result_t<Work&>;
  std::conditional_t<std::is_void_v<Result>, bool, std::optional<Result>> result{};
  std::exception_ptr failure;
  auto executor = co_await asio::this_coro::executor;
  // What it borrows is in this frame, which stays until the handler has been called.
  auto start = [&](auto handler) {
    auto resume = std::make_shared<decltype(handler)>(std::move(handler));
    asio::post(pool, [&, resume] {
      try {
        if constexpr (std::is_void_v<Result>) {
          work();
        } else {
          result.emplace(work());
        }
      } catch (...) {
        failure = std::current_exception();
      }
      asio::post(executor, [resume] { std::move (*resume)(); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
  if constexpr (!std::is_void_v<Result>) co_return std::move(*result);
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
  // What is under way may end by itself until then.
  awaitable<void> stop_after(Deadline patience);
  size_t size() const { return running_.size(); }
  const asio::any_io_executor& executor() const { return executor_; }

 private:
  struct Task {
    asio::cancellation_signal cancel;
  };

  awaitable<void> wait_until_empty(Deadline deadline);

  asio::any_io_executor executor_;
  asio::steady_timer done_;
  std::list<Task> running_;
};

}  // namespace ci
