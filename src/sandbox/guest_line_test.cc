#include "sandbox/guest_line.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <csignal>
#include <cstring>
#include <string>

#include "base/failure.h"
#include "os/message_socket.h"
#include "sandbox/guest/words.h"

namespace ci::sandbox {
namespace {

class Line : public testing::Test {
 protected:
  Line() {
    ::signal(SIGPIPE, SIG_IGN);
    int sockets[2], pipe[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    ::shutdown(sockets[0], SHUT_RD);
    guest_hears.reset(sockets[1]);
    guest_says.reset(pipe[1]);
    line.emplace(UniqueFd(sockets[0]), UniqueFd(pipe[0]));
  }
  void say(std::string_view words) {
    ASSERT_EQ(::write(guest_says.get(), words.data(), words.size()), static_cast<ssize_t>(words.size()));
  }
  void become_ready() {
    const pid_t self = 7;
    std::string hello(1, words::ready);
    hello.append(reinterpret_cast<const char*>(&self), sizeof self);
    say(hello);
    ASSERT_EQ(line->wait_until_ready(), 7);
  }
  std::string heard() {
    std::string all;
    while (line->hear([&](char word) { all += word; })) {
    }
    return all;
  }

  UniqueFd guest_hears, guest_says;
  std::optional<GuestLine> line;
};

TEST_F(Line, CarriesNoDescriptorsFromTheGuest) {
  const int descriptors[] = {guest_says.get()};
  EXPECT_THROW(os::send_message(guest_hears.get(), "x", descriptors), Failure);
  EXPECT_LT(::send(guest_hears.get(), "x", 1, MSG_NOSIGNAL), 0);
}

TEST_F(Line, SaysWhyAGuestIsNotReady) {
  say(words::failed + std::string("joining the cgroup: no"));
  try {
    line->wait_until_ready();
    FAIL();
  } catch (const Failure& failure) {
    EXPECT_STREQ(failure.what(), "joining the cgroup: no");
  }
}

TEST_F(Line, NoticesAGuestThatIsGone) {
  guest_says.reset();
  EXPECT_THROW(line->wait_until_ready(), Failure);
}

TEST_F(Line, SaysMoreThanTheGuestTakesAtOnceWithoutWaiting) {
  become_ready();
  const std::string arguments(20 << 20, 'a');
  line->say(words::go);
  line->say_arguments(os::memory_file("arguments", arguments));
  EXPECT_GE(line->to_say(), 0);
  std::string got;
  std::string buffer(1 << 20, '\0');
  for (ssize_t count; (count = ::read(guest_hears.get(), buffer.data(), buffer.size())) > 0;) {
    got.append(buffer, 0, static_cast<size_t>(count));
    if (line->to_say() >= 0) line->say_more();
  }
  EXPECT_EQ(line->to_say(), -1);
  EXPECT_TRUE(got == words::go + arguments);
}

TEST_F(Line, DoesNotMindAGuestThatDies) {
  become_ready();
  guest_hears.reset();
  line->say(words::go);
  line->say_arguments(os::memory_file("arguments", "one"));
  EXPECT_EQ(line->to_say(), -1);
}

TEST_F(Line, HearsWords) {
  become_ready();
  EXPECT_EQ(heard(), "");
  say("C");
  EXPECT_EQ(heard(), "C");
  say("S0");
  guest_says.reset();
  EXPECT_EQ(heard(), "S0");
  EXPECT_EQ(line->to_hear(), -1);
}

TEST_F(Line, StopsListeningToAGuestThatTalksTooMuch) {
  become_ready();
  for (int i = 0; i < 60; ++i) say(std::string(1000, 'x'));
  EXPECT_LE(heard().size(), 4096u);
  EXPECT_EQ(line->to_hear(), -1);
  EXPECT_LT(::write(guest_says.get(), "x", 1), 0);
}

}  // namespace
}  // namespace ci::sandbox
