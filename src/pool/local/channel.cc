#include "pool/local/channel.h"

#include <fcntl.h>
#include <poll.h>

#include "base/sys.h"

namespace ci::pool {

namespace {

void make_non_blocking(int fd) {
  const int flags = sys("reading descriptor flags", [&] { return ::fcntl(fd, F_GETFL); });
  sys("making a descriptor non-blocking", [&] { return ::fcntl(fd, F_SETFL, flags | O_NONBLOCK); });
}

}  // namespace

Channel::Channel(asio::any_io_executor executor, std::uint64_t ticket, UniqueFd control, UniqueFd out, UniqueFd err)
    : ticket_(ticket), control_(executor), out_(executor), err_(executor) {
  for (const UniqueFd* fd : {&control, &out, &err}) make_non_blocking(fd->get());
  control_.assign(control.release());
  out_.assign(out.release());
  err_.assign(err.release());
}

bool Channel::waits() {
  pollfd news{control_.native_handle(), POLLIN, 0};
  return ::poll(&news, 1, 0) == 0;
}

os::Received Channel::try_receive(os::Message& into) {
  const auto received = os::receive_message(control_.native_handle(), into);
  if (received == os::Received::cut_off) throw Failure(FailureKind::unavailable, "too many files are open");
  return received;
}

awaitable<std::optional<os::Message>> Channel::receive() {
  os::Message message;
  for (;;) {
    const auto received = try_receive(message);
    if (received == os::Received::closed) co_return std::nullopt;
    if (received == os::Received::message) co_return std::move(message);
    co_await control_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  }
}

awaitable<bool> Channel::wait_for_room() {
  co_await control_.async_wait(asio::posix::stream_descriptor::wait_write, asio::use_awaitable);
  co_return true;
}

awaitable<void> Channel::send(std::string payload, std::vector<UniqueFd> descriptors) {
  std::vector<int> numbers;
  for (const UniqueFd& fd : descriptors) numbers.push_back(fd.get());
  const Deadline deadline = after(patience);
  while (!os::send_message(control_.native_handle(), payload, numbers)) {
    const auto room = co_await until(deadline, wait_for_room());
    if (!room) throw Failure(FailureKind::unavailable, "the sandbox does not take its files");
  }
}

}  // namespace ci::pool
