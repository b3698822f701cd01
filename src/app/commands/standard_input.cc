#include "app/commands/standard_input.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/sys.h"

namespace ci::app {

namespace {

void make_pipe(UniqueFd& read_end, UniqueFd& write_end) {
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  read_end.reset(ends[0]);
  write_end.reset(ends[1]);
}

// Until `fd` is ready for `events`; false when `stopped` came first or nothing can come any more.
bool wait_for(int fd, short events, int stopped) {
  pollfd waiting[] = {{fd, events, 0}, {stopped, POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0) {
    if (errno != EINTR) return false;
  }
  return waiting[1].revents == 0 && (waiting[0].revents & (events | POLLHUP)) != 0 &&
         (waiting[0].revents & POLLERR) == 0;
}

void pump(UniqueFd to, int stopped) {
  char buffer[65536];
  while (wait_for(STDIN_FILENO, POLLIN, stopped)) {
    const ssize_t count = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    for (ssize_t done = 0; done < count;) {
      if (!wait_for(to.get(), POLLOUT, stopped)) return;
      const ssize_t written = ::write(to.get(), buffer + done, static_cast<size_t>(count - done));
      if (written < 0 && errno != EINTR && errno != EAGAIN) return;
      if (written > 0) done += written;
    }
  }
}

}  // namespace

StandardInput::StandardInput() {
  UniqueFd to;
  make_pipe(read_end_, to);
  make_pipe(stopped_, stop_);
  // Our end only: a program whose reading does not wait would be surprised.
  sys("preparing a pipe", [&] { return ::fcntl(to.get(), F_SETFL, O_NONBLOCK); });
  pump_ = std::thread([to = std::move(to), stopped = stopped_.get()]() mutable { pump(std::move(to), stopped); });
}

StandardInput::~StandardInput() {
  stop_.reset();
  pump_.join();
}

}  // namespace ci::app
