#include "base/changes.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/run_until.h"

namespace ci {
namespace {

using namespace std::chrono_literals;

class ChangesTest : public testing::Test {
 protected:
  // Nobody may wait when it ends.
  ~ChangesTest() override {
    changes_.announce();
    settle();
  }

  // Runs what can run now; how many handlers that were.
  std::size_t settle() {
    context_.restart();
    return context_.poll();
  }
  void wait(int& woken, Deadline deadline) {
    asio::co_spawn(
        context_, changes_.wait(deadline), [&woken](std::exception_ptr failure) { woken += failure ? 100 : 1; });
    settle();
  }

  asio::io_context context_;
  Changes changes_{context_.get_executor()};
};

TEST_F(ChangesTest, WakesAllWhoWaitAndNobodyElse) {
  int first = 0, second = 0, third = 0;
  wait(first, Deadline::max());
  wait(second, after(1h));
  EXPECT_EQ(first + second, 0);
  changes_.announce();
  settle();
  wait(third, Deadline::max());
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(third, 0);
}

TEST_F(ChangesTest, WaitersDoNotWakeEachOther) {
  int first = 0, second = 0;
  wait(first, after(1h));
  wait(second, after(2h));
  EXPECT_EQ(settle(), 0u);  // nothing goes on by itself
  EXPECT_EQ(first + second, 0);
}

TEST_F(ChangesTest, EndsAtItsDeadline) {
  int woken = 0, other = 0;
  wait(other, after(1h));
  wait(woken, after(1ms));
  run_until(context_, [&] { return woken > 0; });
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(other, 0);
}

TEST_F(ChangesTest, ACancelledWaitThrows) {
  int woken = 0;
  asio::cancellation_signal cancel;
  asio::co_spawn(
      context_, changes_.wait(), asio::bind_cancellation_slot(cancel.slot(), [&woken](std::exception_ptr failure) {
        woken += failure ? 100 : 1;
      }));
  settle();
  cancel.emit(asio::cancellation_type::terminal);
  settle();
  EXPECT_EQ(woken, 100);
  changes_.announce();
}

}  // namespace
}  // namespace ci
