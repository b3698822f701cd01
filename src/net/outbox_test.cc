#include "net/outbox.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <list>

#include "net/testing/fake_transport.h"

namespace ci::net {
namespace {

using namespace std::chrono_literals;

class OutboxTest : public testing::Test {
 protected:
  struct Writer {
    std::string text;
    asio::cancellation_signal cancel;
    bool done = false, failed = false;
  };

  // Runs until nothing can go on without us.
  void settle() {
    context_.restart();
    context_.poll();
  }

  Writer& write(std::string text) {
    Writer& writer = writers_.emplace_back();
    writer.text = std::move(text);
    asio::co_spawn(
        context_, write_all(outbox_, writer),
        asio::bind_cancellation_slot(writer.cancel.slot(), [&writer](std::exception_ptr failure) {
          writer.done = true;
          writer.failed = failure != nullptr;
        }));
    settle();
    return writer;
  }

  static awaitable<void> write_all(Outbox& outbox, Writer& writer) {
    Transport::Pieces pieces;
    pieces[0] = asio::buffer(writer.text);
    pieces[1] = asio::buffer(std::string_view(";"));
    co_await outbox.write(pieces);
  }

  void take(std::size_t bytes) {
    transport_.take(bytes);
    settle();
  }

  asio::io_context context_;
  FakeTransport transport_{context_.get_executor()};
  Deadline deadline_ = Deadline::max();
  LeastPace least_;
  Outbox outbox_{context_.get_executor(), transport_, deadline_, least_};
  std::list<Writer> writers_;
};

TEST_F(OutboxTest, PiecesOfTwoWritersDoNotMix) {
  Writer& first = write("first");
  Writer& second = write("second");
  Writer& third = write("third");
  for (int i = 0; i < 100 && !third.done; ++i) take(1);
  EXPECT_EQ(transport_.written, "first;second;third;");
  EXPECT_EQ(transport_.most_writers, 1);
  EXPECT_TRUE(first.done && second.done && !first.failed && !second.failed && !third.failed);
  EXPECT_FALSE(outbox_.torn());
}

TEST_F(OutboxTest, AWriterWhoGivesUpBeforeItsTurnLeavesNothing) {
  write("first");
  Writer& second = write("second");
  Writer& third = write("third");
  second.cancel.emit(asio::cancellation_type::terminal);
  settle();
  EXPECT_TRUE(second.failed);
  take(100);
  EXPECT_EQ(transport_.written, "first;third;");
  EXPECT_TRUE(third.done && !third.failed);
}

TEST_F(OutboxTest, AfterAWriteThatWasCutOffNothingFollows) {
  Writer& first = write("first");
  Writer& second = write("second");
  take(3);
  first.cancel.emit(asio::cancellation_type::terminal);
  settle();
  EXPECT_TRUE(first.failed && outbox_.torn());
  take(100);
  EXPECT_TRUE(second.failed);
  EXPECT_TRUE(write("third").failed);
  EXPECT_EQ(transport_.written, "fir");
}

TEST_F(OutboxTest, AClientThatLeavesEndsAllWriters) {
  Writer& first = write("first");
  Writer& second = write("second");
  transport_.close();
  settle();
  EXPECT_TRUE(first.failed && second.failed);
}

TEST_F(OutboxTest, HasADeadlineOnlyWhileItWaits) {
  EXPECT_EQ(deadline_, Deadline::max());
  write("first");
  EXPECT_LE(deadline_, after(least_.stall));
  EXPECT_TRUE(outbox_.pace().is_waiting());
  take(100);
  EXPECT_EQ(deadline_, Deadline::max());
  EXPECT_FALSE(outbox_.pace().is_waiting());
}

TEST(Pace, CountsOnlyTheTimeOfWaiting) {
  LeastPace least;
  least.stall = 30s;
  least.head_start = 10s;
  least.bytes_per_second = 1000;
  Pace pace(least);
  const Deadline start{};
  EXPECT_EQ(pace.begin_wait(start), start + 10s);
  pace.end_wait(start + 8s, 1000);  // which earns a second
  EXPECT_EQ(pace.begin_wait(start + 500s), start + 503s);
  EXPECT_EQ(pace.waited(start + 502s), 10s);
  EXPECT_EQ(pace.bytes_per_second(start + 502s), 100u);
  pace.end_wait(start + 502s, 1 << 20);
  EXPECT_EQ(pace.begin_wait(start + 600s), start + 630s);  // a fast one may stall for a while
  pace.end_wait(start + 600s, 0);
}

TEST(Pace, WhoIsTooSlowGetsNoMoreTime) {
  LeastPace least;
  least.head_start = 10s;
  least.bytes_per_second = 1000;
  Pace pace(least);
  Deadline now{};
  int bytes = 0;
  for (; pace.begin_wait(now) > now + 1s; ++bytes) pace.end_wait(now += 1s, 1);  // a byte each second
  EXPECT_LT(bytes, 11);
}

}  // namespace
}  // namespace ci::net
