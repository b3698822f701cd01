#include "os/message_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/failure.h"

namespace ci::os {
namespace {

TEST(MessageSocket, CarriesPayloadAndDescriptors) {
  auto [ours, theirs] = message_socket_pair();
  const UniqueFd file = memory_file("test", "hello");
  const int fds[] = {file.get(), file.get()};
  ASSERT_TRUE(send_message(ours.get(), "payload", fds));
  Message message;
  ASSERT_EQ(receive_message(theirs.get(), message), Received::message);
  EXPECT_EQ(message.payload, "payload");
  ASSERT_EQ(message.descriptors.size(), 2u);
  char text[8] = {};
  EXPECT_EQ(::pread(message.descriptors[1].get(), text, sizeof text, 0), 5);
  EXPECT_STREQ(text, "hello");
  EXPECT_TRUE(::fcntl(message.descriptors[0].get(), F_GETFD) & FD_CLOEXEC);
}

TEST(MessageSocket, TellsThatDescriptorsAreLostAtTheLimit) {
  auto [ours, theirs] = message_socket_pair();
  const int fds[] = {0, 1, 2};
  ASSERT_TRUE(send_message(ours.get(), "payload", fds));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const UniqueFd next(::dup(0));
  rlimit full = before;
  full.rlim_cur = static_cast<rlim_t>(next.get()) + 2;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &full), 0);
  Message message;
  const Received received = receive_message(theirs.get(), message);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(received, Received::cut_off);
  EXPECT_EQ(message.payload, "payload");
  EXPECT_EQ(message.descriptors.size(), 1u);
  ASSERT_TRUE(send_message(ours.get(), "again", fds));
  EXPECT_EQ(receive_message(theirs.get(), message), Received::message);
  EXPECT_EQ(message.descriptors.size(), 3u);
}

TEST(MessageSocket, TellsThatThePeerIsGone) {
  auto [ours, theirs] = message_socket_pair();
  ours.reset();
  Message message;
  EXPECT_EQ(receive_message(theirs.get(), message), Received::closed);
  EXPECT_THROW(send_message(theirs.get(), "x"), Failure);
}

TEST(MessageSocket, MemoryFilesCannotBeChanged) {
  const UniqueFd file = memory_file("test", "hello");
  EXPECT_LT(::write(file.get(), "x", 1), 0);
}

}  // namespace
}  // namespace ci::os
