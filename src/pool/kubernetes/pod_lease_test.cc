#include "pool/kubernetes/pod_lease.h"

#include <gtest/gtest.h>

#include <boost/asio/thread_pool.hpp>
#include <csignal>
#include <utility>

#include "net/client/testing/client_test.h"
#include "net/client/testing/scripted_server.h"
#include "pool/stream/frames.h"

namespace ci::pool {
namespace {

using net::client::testing::Heard;
using net::client::testing::ScriptedServer;

// A runner that says a word and breaks off, and a cluster that tells the fate of its pod at the third question.
class PodLeaseTest : public net::client::testing::ClientTest {
 protected:
  struct Seen {
    std::string output;
    Outcome outcome;
    bool collected_last = false;
  };

  Seen run_in_pod(PodFate fate) {
    const ScriptedServer runner([](const Heard&) {
      const std::string frame = frame_bytes(FrameTag::out, "on\n");
      return "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + frame;
    });
    Pod pod;
    pod.address = runner.address();
    pod.language = "py";
    const auto ask = [this, fate] { return ++questions_ > 2 ? fate : PodFate::lives; };
    const auto end = [this] { ++ends_; };
    auto lease = make_pod_lease(*client_, blocking_, "/", PodOnLoan("a-pod", "an-image", pod), ask, end);
    return run(follow(*lease));
  }

  static awaitable<Seen> follow(Lease& lease) {
    co_await lease.start(Program());
    Seen seen;
    for (;;) {
      Event event = co_await lease.next();
      if (auto* output = std::get_if<Output>(&event)) seen.output += output->bytes;
      if (auto* outcome = std::get_if<Outcome>(&event)) {
        seen.outcome = std::move(*outcome);
        break;
      }
    }
    seen.collected_last = std::holds_alternative<Collected>(co_await lease.next());
    co_return seen;
  }

  asio::thread_pool blocking_{1};
  int questions_ = 0, ends_ = 0;
};

TEST_F(PodLeaseTest, SaysThatMemoryWasAtItsEndWhereTheWholePodWasEnded) {
  const Seen seen = run_in_pod(PodFate::lacked_memory);
  EXPECT_EQ(seen.output, "on\n");
  EXPECT_EQ(seen.outcome.ended, Ended::out_of_memory);
  EXPECT_EQ(seen.outcome.signal, SIGKILL);
  EXPECT_TRUE(seen.collected_last);
  EXPECT_EQ(ends_, 1);
}

TEST_F(PodLeaseTest, SaysThatAPodIsLostThatIsGoneForAnotherReason) {
  const Seen seen = run_in_pod(PodFate::gone);
  EXPECT_EQ(seen.output, "on\n");
  EXPECT_EQ(seen.outcome.ended, Ended::lost);
  EXPECT_TRUE(seen.collected_last);
}

}  // namespace
}  // namespace ci::pool
