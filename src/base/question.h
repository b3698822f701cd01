#pragma once
// Asks something that may never answer and cannot be called off, such as a disk that hangs: whoever asks waits as long as it likes,
// and leaves. The question goes on by itself, and is not asked again before it was answered, so that one that hangs holds one thread
// and not one more for each who asks. I/O thread.

#include <exception>
#include <functional>
#include <memory>
#include <optional>

#include "base/async.h"
#include "base/changes.h"

namespace ci {

namespace detail {
void go_on(const asio::any_io_executor& executor, awaitable<void> work);  // by itself; it throws nothing
}

template <class T>
class Question {
 public:
  // What `ask` uses must live as long as the executor runs.
  explicit Question(std::function<awaitable<T>()> ask) : ask_(std::move(ask)) {}

  // Nothing when there is none by then. Throws what asking threw.
  awaitable<std::optional<T>> answer(Deadline deadline) {
    if (!asked_ || asked_->done) {
      auto executor = co_await asio::this_coro::executor;
      asked_ = std::make_shared<Asked>(executor);
      detail::go_on(executor, work(asked_, ask_));
    }
    const std::shared_ptr<Asked> asked = asked_;  // others may ask the next time before we look
    while (!asked->done && std::chrono::steady_clock::now() < deadline) co_await asked->news.wait(deadline);
    if (!asked->done) co_return std::nullopt;
    if (asked->failure) std::rethrow_exception(asked->failure);
    co_return asked->answer;
  }

 private:
  struct Asked {
    explicit Asked(asio::any_io_executor executor) : news(std::move(executor)) {}
    Changes news;
    bool done = false;
    std::optional<T> answer;
    std::exception_ptr failure;
  };

  static awaitable<void> work(std::shared_ptr<Asked> asked, std::function<awaitable<T>()> ask) {
    try {
      T answer = co_await ask();
      asked->answer.emplace(std::move(answer));
    } catch (...) {
      asked->failure = std::current_exception();
    }
    asked->done = true;
    asked->news.announce();
  }

  std::function<awaitable<T>()> ask_;
  std::shared_ptr<Asked> asked_;  // the second owner is its work
};

}  // namespace ci
