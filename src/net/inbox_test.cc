#include "net/inbox.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "net/testing/fake_transport.h"

namespace ci::net {
namespace {

class InboxTest : public testing::Test {
 protected:
  void settle() {
    context_.restart();
    context_.poll();
  }
  void read_ahead() { inbox_.read_ahead(owner_); }
  std::size_t arrive(std::string_view bytes) {
    const std::size_t count = transport_.arrive(bytes);
    settle();
    return count;
  }
  void end() {
    transport_.end();
    settle();
  }
  void wait() {
    woken_.reset();
    cancelled_ = false;
    asio::co_spawn(
        context_, inbox_.wait(),
        asio::bind_cancellation_slot(cancel_.slot(), [this](std::exception_ptr failure, Inbox::Wake reason) {
          if (failure) {
            cancelled_ = true;
          } else {
            woken_ = reason;
          }
        }));
    settle();
  }

  asio::io_context context_;
  FakeTransport transport_{context_.get_executor()};
  int ends_ = 0;
  Inbox inbox_{transport_, 64 << 10, [this] { ++ends_; }};
  std::shared_ptr<int> owner_ = std::make_shared<int>(0);
  asio::cancellation_signal cancel_;
  std::optional<Inbox::Wake> woken_;
  bool cancelled_ = false;
};

TEST_F(InboxTest, WakesWhoWaitsWhenBytesArrive) {
  read_ahead();
  wait();
  EXPECT_FALSE(woken_);
  arrive("hello");
  EXPECT_EQ(woken_, Inbox::Wake::arrival);
  EXPECT_EQ(inbox_.bytes(), "hello");
  inbox_.consume(2);
  EXPECT_EQ(inbox_.bytes(), "llo");
}

TEST_F(InboxTest, ReadsOnceAtATimeAndKeepsItsOwnerUntilTheReadIsOver) {
  read_ahead();
  read_ahead();
  EXPECT_EQ(transport_.reads, 1);
  std::weak_ptr<int> watched = owner_;
  owner_.reset();
  EXPECT_FALSE(watched.expired());
  transport_.end();
  EXPECT_TRUE(watched.expired());
  EXPECT_TRUE(inbox_.ended());
}

TEST_F(InboxTest, TellsOfAnEndThatNobodyWaitsForAndOnlyOnce) {
  read_ahead();
  transport_.end();
  EXPECT_EQ(ends_, 1);
  read_ahead();
  EXPECT_EQ(transport_.reads, 1);
  wait();  // what there is to know is known
  EXPECT_EQ(woken_, Inbox::Wake::arrival);
}

TEST_F(InboxTest, AnEndWakesWhoWaitsInsteadOfBeingTold) {
  read_ahead();
  wait();
  end();
  EXPECT_EQ(woken_, Inbox::Wake::arrival);
  EXPECT_EQ(ends_, 0);
}

TEST_F(InboxTest, CanBeWokenForOtherReasons) {
  EXPECT_FALSE(inbox_.wake(Inbox::Wake::timed_out));  // nobody waits
  read_ahead();
  wait();
  EXPECT_TRUE(inbox_.wake(Inbox::Wake::timed_out));
  EXPECT_FALSE(inbox_.wake(Inbox::Wake::closed));  // the first reason counts
  settle();
  EXPECT_EQ(woken_, Inbox::Wake::timed_out);
}

TEST_F(InboxTest, AWaitThatIsCancelledEndsAndTheNextOneWorks) {
  read_ahead();
  wait();
  cancel_.emit(asio::cancellation_type::terminal);
  settle();
  EXPECT_TRUE(cancelled_);
  wait();
  arrive("x");
  EXPECT_EQ(woken_, Inbox::Wake::arrival);
}

TEST_F(InboxTest, GrowsForWhoSendsMuchStopsAtItsCapacityAndShrinksAgain) {
  std::size_t got = 0;
  const std::string much(1 << 20, 'x');
  for (read_ahead(); transport_.is_reading(); read_ahead())
    got += transport_.arrive(std::string_view(much).substr(got));
  EXPECT_EQ(got, std::size_t{64} << 10);
  EXPECT_TRUE(inbox_.full());
  EXPECT_EQ(inbox_.bytes().size(), got);
  inbox_.consume(got);
  read_ahead();
  transport_.arrive("y");
  inbox_.consume(1);
  read_ahead();
  EXPECT_LE(transport_.room_to_read(), std::size_t{8} << 10);
  EXPECT_EQ(inbox_.bytes(), "");
}

TEST_F(InboxTest, KeepsTheOrderWhenItMakesRoom) {
  std::string sent, seen;
  for (int i = 0; i < 2000; ++i) {
    read_ahead();
    std::string piece(37, static_cast<char>('a' + i % 26));
    piece.resize(transport_.arrive(piece));
    sent += piece;
    if (i % 3 != 0) continue;
    const std::size_t part = inbox_.bytes().size() / 2;
    seen += inbox_.bytes().substr(0, part);
    inbox_.consume(part);
  }
  seen += inbox_.bytes();
  EXPECT_EQ(seen, sent);
}

}  // namespace
}  // namespace ci::net
