#include "base/async.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/system_error.hpp>
#include <stdexcept>
#include <thread>

#include "base/failure.h"
#include "base/parallel.h"

namespace ci {
namespace {

using namespace std::chrono_literals;

class Async : public ::testing::Test {
 protected:
  // Runs `work` to its end, with all that it began.
  void run(awaitable<void> work) {
    std::exception_ptr failure;
    asio::co_spawn(context_, std::move(work), [&](std::exception_ptr error) { failure = error; });
    context_.run();
    context_.restart();
    if (failure) std::rethrow_exception(failure);
  }

  asio::io_context context_{1};
  asio::thread_pool pool_{2};
};

// How a coroutine ends that is cancelled while it waits for ever.
awaitable<int> wait_for_ever(bool& cancelled) {
  try {
    co_await sleep_for(24h);
  } catch (const boost::system::system_error& error) {
    cancelled = error.code() == asio::error::operation_aborted;
    throw;
  }
  co_return 0;
}

awaitable<int> give(int number) { co_return number; }
awaitable<int> fail_with(std::string text) {
  throw std::runtime_error(text);
  co_return 0;
}
awaitable<int> fail_late(std::string text) {
  co_await sleep_for(1ms);
  throw std::runtime_error(text);
}

std::string text_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST_F(Async, UntilGivesTheResultOrNothingAtTheDeadline) {
  run([]() -> awaitable<void> {
    const std::optional<int> in_time = co_await until(after(1h), give(7));
    EXPECT_EQ(in_time, 7);
    bool cancelled = false;
    const std::optional<int> late = co_await until(after(1ms), wait_for_ever(cancelled));
    EXPECT_EQ(late, std::nullopt);
    EXPECT_TRUE(cancelled);  // and has ended: its frame is gone before we go on
  }());
}

TEST_F(Async, UntilThrowsAFailureAtOnceAndNotAtTheDeadline) {
  EXPECT_EQ(
      text_of([&] { run([]() -> awaitable<void> { co_await until(after(1h), fail_late("broken")); }()); }), "broken");
}

TEST_F(Async, UntilPassesOnThatItsCallerIsCancelled) {
  run([]() -> awaitable<void> {
    bool cancelled = false;
    auto inner = [&]() -> awaitable<int> {
      const std::optional<int> result = co_await until(after(1h), wait_for_ever(cancelled));
      co_return result.value_or(-1);
    };
    const std::optional<int> outer = co_await until(after(1ms), inner());
    EXPECT_EQ(outer, std::nullopt);
    EXPECT_TRUE(cancelled);
  }());
}

TEST_F(Async, BlockingWorkRunsElsewhereAndComesBack) {
  const auto here = std::this_thread::get_id();
  run([](asio::thread_pool& pool, std::thread::id io) -> awaitable<void> {
    auto where = [] { return std::this_thread::get_id(); };
    const auto there = co_await on_pool(pool, where);
    EXPECT_NE(there, io);
    EXPECT_EQ(std::this_thread::get_id(), io);
    bool done = false;
    auto nothing = [&] { done = true; };
    co_await on_pool(pool, nothing);
    EXPECT_TRUE(done);
  }(pool_, here));
  EXPECT_EQ(
      text_of([&] {
        run([](asio::thread_pool& pool) -> awaitable<void> {
          auto broken = []() -> int { throw std::runtime_error("disk"); };
          co_await on_pool(pool, broken);
        }(pool_));
      }),
      "disk");
}

TEST_F(Async, BlockingWorkIsWaitedForWhenItsCallerIsCancelled) {
  run([](asio::thread_pool& pool) -> awaitable<void> {
    bool done = false;
    auto work = [&]() -> awaitable<int> {
      auto slow = [&] {
        std::this_thread::sleep_for(20ms);
        done = true;
        return 1;
      };
      co_return co_await on_pool(pool, slow);
    };
    co_await until(after(1ms), work());
    EXPECT_TRUE(done);
  }(pool_));
}

TEST_F(Async, BothWaitForEachOther) {
  run([]() -> awaitable<void> {
    const auto [one, two] = co_await both(give(1), give(2));
    EXPECT_EQ(one, 1);
    EXPECT_EQ(two, 2);
  }());
}

TEST_F(Async, TheFirstFailureOfBothEndsTheOtherAndIsThrown) {
  bool cancelled = false;
  EXPECT_EQ(
      text_of([&] {
        run([](bool& ended) -> awaitable<void> { co_await both(fail_late("first"), wait_for_ever(ended)); }(cancelled));
      }),
      "first");
  EXPECT_TRUE(cancelled);
  cancelled = false;
  EXPECT_EQ(
      text_of([&] {
        run([](bool& ended) -> awaitable<void> {
          co_await both(wait_for_ever(ended), fail_with("second"));
        }(cancelled));
      }),
      "second");
  EXPECT_TRUE(cancelled);
}

TEST_F(Async, AGroupStopsAllItsTasksAndWaitsForTheLast) {
  run([]() -> awaitable<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    int ended = 0;
    const auto task = [](int& count) -> awaitable<void> {
      bool cancelled = false;
      try {
        co_await wait_for_ever(cancelled);
      } catch (const boost::system::system_error&) {
      }
      ++count;
    };
    for (int i = 0; i < 3; ++i) tasks.spawn("task", task(ended));
    EXPECT_EQ(tasks.size(), 3u);
    co_await sleep_for(1ms);
    co_await tasks.stop();
    EXPECT_EQ(ended, 3);
    EXPECT_EQ(tasks.size(), 0u);
    co_await tasks.stop();
  }());
}

TEST_F(Async, AGroupGoesOnWhenATaskFails) {
  run([]() -> awaitable<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    const auto broken = []() -> awaitable<void> { co_await fail_with("a task of the test fails"); };
    tasks.spawn("broken", broken());
    while (tasks.size() > 0) co_await sleep_for(1ms);
    co_await tasks.stop();
  }());
}

TEST_F(Async, AGroupLetsItsTasksEndUntilItsPatienceDoes) {
  run([]() -> awaitable<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    bool ended = false, called_off = false;
    const auto short_one = [](bool& done) -> awaitable<void> {
      co_await sleep_for(20ms);
      done = true;
    };
    tasks.spawn("short", short_one(ended));
    co_await tasks.stop_after(after(30s));
    EXPECT_TRUE(ended);
    const auto long_one = [](bool& cancelled) -> awaitable<void> { co_await wait_for_ever(cancelled); };
    tasks.spawn("long", long_one(called_off));
    co_await tasks.stop_after(after(20ms));
    EXPECT_TRUE(called_off);
    EXPECT_EQ(tasks.size(), 0u);
  }());
}

}  // namespace
}  // namespace ci
