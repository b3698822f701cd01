#pragma once
// The few things every coroutine here needs: deadlines, a pool for blocking work, owned background tasks.
// One thread runs the one io_context; what stands between two co_awaits is a transaction.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace ci {

namespace asio = boost::asio;
using asio::awaitable;

using Deadline = std::chrono::steady_clock::time_point;

inline Deadline after(std::chrono::steady_clock::duration time) { return std::chrono::steady_clock::now() + time; }

// These three are the same for all results, so that what is below need not be compiled anew for each. They are called by it alone.
namespace detail {
awaitable<void> run_on_pool(asio::thread_pool& pool, std::function<void()>& work);  // which may throw
awaitable<bool> ends_until(Deadline deadline, awaitable<void> work);
template <class T>
awaitable<void> keep(awaitable<T> work, std::optional<T>& into) {
  into.emplace(co_await std::move(work));
}
}  // namespace detail

// Runs blocking `work` on `pool` and comes back to the caller's executor with its result or exception.
// It is not cancelled: the caller waits for it.
template <class Work>
awaitable<std::invoke_result_t<Work&>> on_pool(asio::thread_pool& pool, Work work) {
  using Result = std::invoke_result_t<Work&>;
  if constexpr (std::is_void_v<Result>) {
    std::function<void()> call = [&work] { work(); };
    co_await detail::run_on_pool(pool, call);
  } else {
    std::optional<Result> result;
    std::function<void()> call = [&work, &result] { result.emplace(work()); };
    co_await detail::run_on_pool(pool, call);
    co_return std::move(*result);
  }
}

// Runs `work` until the deadline; nothing means time ran out and `work` was cancelled and has ended.
template <class T>
awaitable<std::optional<T>> until(Deadline deadline, awaitable<T> work) {
  std::optional<T> result;
  const bool ended = co_await detail::ends_until(deadline, detail::keep(std::move(work), result));
  if (!ended) co_return std::nullopt;
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
