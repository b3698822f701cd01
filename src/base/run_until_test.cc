#include "base/run_until.h"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <thread>

namespace ci {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;

TEST(RunUntil, WaitsForWhatAnotherThreadPosts) {
  asio::io_context context;
  bool done = false;
  std::jthread other([&] {
    std::this_thread::sleep_for(20ms);
    asio::post(context, [&] { done = true; });
  });
  run_until(context, [&] { return done; });
  EXPECT_TRUE(done);
}

TEST(RunUntil, GoesOnWhenAnotherThreadStopsTheContext) {
  asio::io_context context;
  asio::steady_timer timer(context, 50ms);
  bool done = false;
  timer.async_wait([&](const auto&) { done = true; });
  std::jthread other([&] {
    std::this_thread::sleep_for(5ms);
    context.stop();
  });
  run_until(context, [&] { return done; });
  EXPECT_TRUE(done);
}

TEST(RunUntil, RunsNothingWhenItIsSoAlready) {
  asio::io_context context;
  bool ran = false;
  asio::post(context, [&] { ran = true; });
  run_until(context, [] { return true; });
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace ci
