#include "sandbox/guest_line.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "base/sys.h"
#include "os/message_socket.h"
#include "sandbox/guest/words.h"

namespace ci::sandbox {

namespace {

constexpr size_t most_said = 4 << 10;  // by an honest guest

}  // namespace

pid_t GuestLine::wait_until_ready() {
  char hello[512];
  const ssize_t got = sys("waiting for the guest", [&] { return ::read(said_.get(), hello, sizeof hello); });
  sys("listening to the guest", [&] { return ::fcntl(said_.get(), F_SETFL, O_NONBLOCK); });
  pid_t guest = -1;
  if (got == 1 + static_cast<ssize_t>(sizeof guest) && hello[0] == words::ready) {
    std::memcpy(&guest, hello + 1, sizeof guest);
    return guest;
  }
  const std::string reason = got > 1 && hello[0] == words::failed
                                 ? std::string(hello + 1, static_cast<size_t>(got - 1))
                                 : std::string("the runtime ended before it was ready");
  throw Failure(FailureKind::unavailable, reason);
}

void GuestLine::say(char word, std::span<const int> descriptors) {
  // A few words at most are said before the arguments, so there is room.
  try {
    os::send_message(agent_.get(), std::string_view(&word, 1), descriptors);
  } catch (const Failure&) {  // it died
  }
}

void GuestLine::say_arguments(UniqueFd file) {
  arguments_ = std::move(file);
  say_more();
}

void GuestLine::say_more() {
  char buffer[64 << 10];
  for (;;) {
    const auto got =
        sys("reading the arguments", [&] { return ::pread(arguments_.get(), buffer, sizeof buffer, arguments_said_); });
    if (got == 0) break;
    const ssize_t count = ::send(agent_.get(), buffer, static_cast<size_t>(got), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      saying_ = true;
      return;
    }
    if (count < 0) break;  // it died
    arguments_said_ += count;
  }
  ::shutdown(agent_.get(), SHUT_WR);
  arguments_.reset();
  saying_ = false;
}

bool GuestLine::hear(const std::function<void(char)>& word) {
  if (!said_) return false;
  char heard[1024];
  const ssize_t got = ::read(said_.get(), heard, sizeof heard);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got > 0) heard_ += static_cast<size_t>(got);
  if (got <= 0 || heard_ > most_said) {
    said_.reset();
    return false;
  }
  for (const char one : std::string_view(heard, static_cast<size_t>(got))) word(one);
  return true;
}

}  // namespace ci::sandbox
