#include "app/processes/sandboxd_link.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/sys.h"
#include "os/message_socket.h"

namespace ci::app {

namespace {

constexpr std::string_view announcement = "sandboxd";

UniqueFd non_blocking(UniqueFd socket) {
  const int fd = socket.get();
  const int flags = sys("reading socket flags", [fd] { return ::fcntl(fd, F_GETFL); });
  sys("setting socket flags", [fd, flags] { return ::fcntl(fd, F_SETFL, flags | O_NONBLOCK); });
  return socket;
}

}  // namespace

void send_sandboxd(int link, int socket) {
  const int descriptors[] = {socket};
  os::send_message(link, announcement, descriptors);
}

void SandboxdLink::renew() {
  if (last_) ::shutdown(last_.get(), SHUT_RDWR);
}

SandboxdLink::SandboxdLink(asio::any_io_executor executor, UniqueFd link)
    : link_(executor, non_blocking(std::move(link)).release()) {}

awaitable<UniqueFd> SandboxdLink::next() {
  os::Message message;
  for (;;) {
    switch (os::receive_message(link_.native_handle(), message)) {
      case os::Received::message:
        if (message.payload == announcement && message.descriptors.size() == 1) {
          const int socket = message.descriptors.front().get();
          last_.reset(
              sys("keeping the connection to sandboxd", [socket] { return ::fcntl(socket, F_DUPFD_CLOEXEC, 0); }));
          co_return std::move(message.descriptors.front());
        }
        throw Failure(FailureKind::internal, "the supervisor sent something unknown");
      case os::Received::cut_off:
        // The socket is lost, and with its other end goes that sandboxd: the supervisor will send the next one's.
        log_error("no descriptor is left for the connection to sandboxd");
        break;
      case os::Received::closed:
        throw Failure(FailureKind::unavailable, "the supervisor is gone");
      case os::Received::would_block:
        break;
    }
    co_await link_.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable);
  }
}

}  // namespace ci::app
