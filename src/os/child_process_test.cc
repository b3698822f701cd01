#include "os/child_process.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <csignal>

#include "base/failure.h"
#include "os/message_socket.h"

namespace ci::os {
namespace {

using namespace std::chrono_literals;

SpawnRequest shell(std::string script) {
  SpawnRequest request;
  request.program = "/bin/sh";
  request.arguments = {"sh", "-c", std::move(script)};
  return request;
}

TEST(ChildProcess, TellsStatusAndSignal) {
  EXPECT_EQ(ChildProcess::spawn(shell("exit 7")).wait(), 7);
  ChildProcess sleeper = ChildProcess::spawn(shell("sleep 100"));
  EXPECT_FALSE(sleeper.try_wait());
  sleeper.signal(SIGTERM);
  EXPECT_EQ(sleeper.wait_for(10s), 128 + SIGTERM);
}

TEST(ChildProcess, GetsDescriptorsUnderTheirNumbers) {
  auto [left, right] = os::message_socket_pair();
  SpawnRequest request = shell("echo hello >&3; read line; echo \"end:$line\" >&3");
  request.descriptors = {{right.get(), 3}};
  ChildProcess child = ChildProcess::spawn(request);
  right.reset();
  EXPECT_EQ(child.wait(), 0);
  os::Message message;
  ASSERT_EQ(os::receive_message(left.get(), message), os::Received::message);
  EXPECT_EQ(message.payload, "hello\n");
  ASSERT_EQ(os::receive_message(left.get(), message), os::Received::message);
  EXPECT_EQ(message.payload, "end:\n");  // its stdin is empty
  EXPECT_EQ(os::receive_message(left.get(), message), os::Received::closed);
}

TEST(ChildProcess, EndsWithItsOwner) {
  auto [left, right] = os::message_socket_pair();
  {
    SpawnRequest request = shell("exec sleep 100");
    request.descriptors = {{right.get(), 3}};
    ChildProcess child = ChildProcess::spawn(request);
    right.reset();
  }
  os::Message message;
  EXPECT_EQ(os::receive_message(left.get(), message), os::Received::closed);
}

TEST(ChildProcess, MissingProgramsFail) {
  SpawnRequest request;
  request.program = "/nonexistent/program";
  request.arguments = {"program"};
  EXPECT_THROW(ChildProcess::spawn(request), Failure);
}

}  // namespace
}  // namespace ci::os
