#include "base/question.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace ci {

void detail::go_on(const asio::any_io_executor& executor, awaitable<void> work) {
  asio::co_spawn(executor, std::move(work), asio::detached);
}

}  // namespace ci
