#include "app/commands/own_sandboxd.h"

#include <unistd.h>

#include "app/processes/supervisor.h"
#include "base/failure.h"
#include "os/message_socket.h"

namespace ci::app {

OwnSandboxd::OwnSandboxd(int input) {
  auto [ours, theirs] = os::message_socket_pair();
  os::SpawnRequest spawn;
  spawn.program = os::own_program();
  spawn.arguments = {"kubecoderun", "sandboxd", "--quiet"};
  spawn.descriptors = {{theirs.get(), inherited_socket}};
  if (input >= 0) spawn.descriptors.emplace_back(input, STDIN_FILENO);
  spawn.own_group = true;
  process_ = os::ChildProcess::spawn(spawn);
  socket_ = std::move(ours);
}

awaitable<UniqueFd> OwnSandboxd::next() {
  if (socket_) co_return std::move(socket_);
  // There is one sandboxd. When it is gone the run fails by itself.
  co_await sleep_for(std::chrono::hours(24 * 365));
  throw Failure(FailureKind::unavailable, "sandboxd is gone");
}

void OwnSandboxd::wait() {
  socket_.reset();
  process_->wait_for(std::chrono::seconds(10));
}

}  // namespace ci::app
