#pragma once
// Things that happen at the same time and end together. The first failure ends the others and is thrown once all
// have ended; so what they borrow from the caller's frame stays.

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "base/async.h"

namespace ci {

namespace detail {
awaitable<void> both_end(awaitable<void> first, awaitable<void> second);
}

template <class First, class Second>
awaitable<std::pair<First, Second>> both(awaitable<First> first, awaitable<Second> second) {
  std::optional<First> one;
  std::optional<Second> other;
  co_await detail::both_end(detail::keep(std::move(first), one), detail::keep(std::move(second), other));
  co_return std::pair<First, Second>(std::move(*one), std::move(*other));
}

// work(0) … work(count - 1), some of them at a time, started in this order.
awaitable<void> for_each_index(std::size_t count, std::function<awaitable<void>(std::size_t)> work);

}  // namespace ci
