#include "base/async.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <memory>

#include "base/log.h"

namespace ci {

// Not co_spawn, which in Boost 1.81 ends the program when the caller is cancelled before the pool has begun.
awaitable<void> detail::run_on_pool(asio::thread_pool& pool, std::function<void()>& work) {
  std::exception_ptr failure;
  auto executor = co_await asio::this_coro::executor;
  // What it borrows is in this frame, which stays until the handler has been called.
  auto start = [&](auto handler) {
    auto resume = std::make_shared<decltype(handler)>(std::move(handler));
    asio::post(pool, [&, resume] {
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
      asio::post(executor, [resume] { std::move (*resume)(); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
  if (failure) std::rethrow_exception(failure);
}

// Not `work || timer`: that waits for a success, so a failure would surface late, as a timeout.
awaitable<bool> detail::ends_until(Deadline deadline, awaitable<void> work) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, deadline);
  auto race = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(work), asio::deferred), timer.async_wait(asio::deferred));
  auto [order, failure, timer_error] =
      co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 1) co_return false;
  if (failure) std::rethrow_exception(failure);
  co_return true;
}

awaitable<void> sleep_for(std::chrono::steady_clock::duration time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

void TaskGroup::spawn(std::string name, awaitable<void> work) {
  auto task = running_.emplace(running_.end());
  asio::co_spawn(
      executor_, std::move(work),
      asio::bind_cancellation_slot(
          task->cancel.slot(), [this, task, name = std::move(name)](std::exception_ptr failure) {
            if (failure) {
              try {
                std::rethrow_exception(failure);
              } catch (const boost::system::system_error& error) {
                if (error.code() != asio::error::operation_aborted) {
                  log_error("task failed", {{"task", name}, {"reason", error.what()}});
                }
              } catch (const std::exception& error) {
                log_error("task failed", {{"task", name}, {"reason", error.what()}});
              }
            }
            running_.erase(task);
            if (running_.empty()) done_.cancel();
          }));
}

awaitable<void> TaskGroup::wait_until_empty(Deadline deadline) {
  while (!running_.empty() && std::chrono::steady_clock::now() < deadline) {
    boost::system::error_code ignored;
    done_.expires_at(deadline);
    co_await done_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

awaitable<void> TaskGroup::stop_after(Deadline patience) {
  co_await wait_until_empty(patience);
  co_await stop();
}

awaitable<void> TaskGroup::stop() {
  // Emitting can complete a task at once and so change the list: take the signals one by one.
  for (auto task = running_.begin(); task != running_.end();) {
    auto next = std::next(task);
    task->cancel.emit(asio::cancellation_type::terminal);
    task = next;
  }
  co_await wait_until_empty(Deadline::max());
}

}  // namespace ci
