#include "base/question.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <semaphore>

#include "base/failure.h"
#include "base/run_until.h"

namespace ci {
namespace {

using namespace std::chrono_literals;

// A disk that hangs until the test lets it go on.
class Hanging : public ::testing::Test {
 protected:
  awaitable<int> ask() {
    ++asked_;
    const auto work = [this] {
      go_on_.acquire();
      if (fails_) throw Failure(FailureKind::unavailable, "broken");
      return 7;
    };
    co_return co_await on_pool(pool_, work);
  }
  enum class Disk { hangs, goes_on };

  // The disk goes on once somebody waits: before that, who comes too late would find the question answered, and ask another one.
  std::optional<int> answer(std::chrono::milliseconds patience, Disk disk) {
    std::optional<int> found;
    std::exception_ptr failure;
    bool done = false;
    const auto wait = [&]() -> awaitable<void> { found = co_await question_.answer(after(patience)); };
    asio::co_spawn(context_, wait(), [&](std::exception_ptr error) {
      failure = error;
      done = true;
    });
    if (disk == Disk::goes_on) asio::post(context_, [this] { go_on_.release(); });
    run_until(context_, [&] { return done; });
    if (failure) std::rethrow_exception(failure);
    return found;
  }

  asio::io_context context_;
  std::counting_semaphore<> go_on_{0};
  asio::thread_pool pool_{2};
  std::atomic<int> asked_ = 0;
  std::atomic<bool> fails_ = false;
  Question<int> question_{[this] { return ask(); }};
};

TEST_F(Hanging, IsNotWaitedForLongerThanTheAskerLikesAndNotAskedAgainMeanwhile) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answer(20ms, Disk::hangs), std::nullopt);
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(answer(60s, Disk::goes_on), 7);  // what was asked first
  EXPECT_EQ(answer(60s, Disk::goes_on), 7);
  EXPECT_EQ(asked_, 2);
}

TEST_F(Hanging, FailsAsTheAnswerDoes) {
  fails_ = true;
  EXPECT_THROW(answer(60s, Disk::goes_on), Failure);
  fails_ = false;
  EXPECT_EQ(answer(60s, Disk::goes_on), 7);
}

}  // namespace
}  // namespace ci
