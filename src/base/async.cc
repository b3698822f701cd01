#include "base/async.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.h"

namespace ci {

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
