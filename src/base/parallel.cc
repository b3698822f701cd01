#include "base/parallel.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <exception>
#include <vector>

namespace ci {

namespace {

using Work = std::function<awaitable<void>(std::size_t)>;

constexpr std::size_t at_a_time = 16;

awaitable<void> take_turns(std::size_t& next, std::size_t count, const Work& work) {
  while (next < count) co_await work(next++);
}

}  // namespace

awaitable<void> detail::both_end(awaitable<void> first, awaitable<void> second) {
  auto executor = co_await asio::this_coro::executor;
  auto group = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, std::move(first), asio::deferred),
      asio::co_spawn(executor, std::move(second), asio::deferred));
  auto [order, first_failure, second_failure] =
      co_await group.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
  // When both failed, the later one only says that it was cancelled.
  if (order[0] == 0 && first_failure) std::rethrow_exception(first_failure);
  if (second_failure) std::rethrow_exception(second_failure);
  if (first_failure) std::rethrow_exception(first_failure);
}

awaitable<void> for_each_index(std::size_t count, Work work) {
  std::size_t next = 0;
  if (count < 2) {
    co_await take_turns(next, count, work);
    co_return;
  }
  auto executor = co_await asio::this_coro::executor;
  using Turn = decltype(asio::co_spawn(executor, take_turns(next, count, work), asio::deferred));
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < std::min(count, at_a_time); ++i) {
    turns.push_back(asio::co_spawn(executor, take_turns(next, count, work), asio::deferred));
  }
  auto group = asio::experimental::make_parallel_group(std::move(turns));
  auto [order, failures] = co_await group.async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
  for (const std::size_t turn : order) {
    if (failures[turn]) std::rethrow_exception(failures[turn]);
  }
}

}  // namespace ci
