#include "base/parallel.h"

#include <algorithm>
#include <vector>

namespace ci {

namespace {

using Work = std::function<awaitable<void>(std::size_t)>;

constexpr std::size_t at_a_time = 16;

awaitable<void> take_turns(std::size_t& next, std::size_t count, const Work& work) {
  while (next < count) co_await work(next++);
}

}  // namespace

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
