#pragma once
// Things that happen at the same time and end together. The first failure ends the others and is thrown once all
// have ended; so what they borrow from the caller's frame stays.

#include <functional>
#include <utility>

#include "base/async.h"

namespace ci {

// Both results must have a default.
template <class First, class Second>
awaitable<std::pair<First, Second>> both(awaitable<First> first, awaitable<Second> second) {
  auto executor = co_await asio::this_coro::executor;
  auto group = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(first), asio::deferred),
      asio::co_spawn(executor, std::move(second), asio::deferred));
  auto [order, first_failure, one, second_failure, other] =
      co_await group.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
  // When both failed, the later one only says that it was cancelled.
  if (order[0] == 0 && first_failure) std::rethrow_exception(first_failure);
  if (second_failure) std::rethrow_exception(second_failure);
  if (first_failure) std::rethrow_exception(first_failure);
  co_return std::pair<First, Second>(std::move(one), std::move(other));
}

// work(0) … work(count - 1), some of them at a time, started in this order.
awaitable<void> for_each_index(std::size_t count, std::function<awaitable<void>(std::size_t)> work);

}  // namespace ci
