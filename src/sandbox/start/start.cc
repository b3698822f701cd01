#include "sandbox/start/start.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

#include "base/sys.h"
#include "os/message_socket.h"
#include "sandbox/start/image.h"

namespace ci::sandbox {

namespace {

constexpr int socket_number = 3, settings_number = 4;  // as start/main.cc expects them

void inherit(int fd, int number) {
  sys("passing on a descriptor", [&] { return ::dup2(fd, number); });
  sys("passing on a descriptor", [&] { return ::fcntl(number, F_SETFD, 0); });  // it may have been there already
}

}  // namespace

void start_sandboxd(const StartSettings& settings, UniqueFd socket) {
  // Out of the way of the numbers below.
  const UniqueFd moved(sys("moving a socket", [&] { return ::fcntl(socket.get(), F_DUPFD_CLOEXEC, 10); }));
  const UniqueFd text = os::memory_file("settings", settings_text(settings));
  const UniqueFd text_moved(sys("moving the settings", [&] { return ::fcntl(text.get(), F_DUPFD_CLOEXEC, 10); }));
  const UniqueFd program = os::memory_file("sandboxd", sandboxd_image());
  const UniqueFd program_moved(sys("moving the program", [&] { return ::fcntl(program.get(), F_DUPFD_CLOEXEC, 10); }));
  inherit(moved.get(), socket_number);
  inherit(text_moved.get(), settings_number);
  // The name by which people and `ps` know it.
  char name[] = "kubecoderun", role[] = "sandboxd";
  char* const arguments[] = {name, role, nullptr};
  char* const environment[] = {nullptr};
  sys("starting sandboxd", [&] { return ::fexecve(program_moved.get(), arguments, environment); });
  std::unreachable();
}

}  // namespace ci::sandbox
