#include "sandbox/start/start.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/sys.h"
#include "os/message_socket.h"
#include "sandbox/start/image.h"

namespace ci::sandbox {

namespace {

constexpr int socket_number = 3, settings_number = 4;  // as start/main.cc expects them

// Systems may forbid that memory files are executed unless they are made for it (sysctl vm.memfd_noexec); kernels before 6.3
// know neither.
UniqueFd executable_file(std::string_view image) {
  constexpr unsigned memfd_exec = 0x10;
  const unsigned flags = MFD_CLOEXEC;
  int fd = ::memfd_create("sandboxd", flags | memfd_exec);
  if (fd < 0 && errno == EINVAL) fd = ::memfd_create("sandboxd", flags);
  if (fd < 0 && errno == EACCES) {
    throw Failure(
        FailureKind::unavailable,
        "the sysctl vm.memfd_noexec forbids to start sandboxd from memory: set it to 0 or 1 for this container or "
        "host");
  }
  UniqueFd file(sys("making a memory file for sandboxd", [fd] { return fd; }));
  for (size_t done = 0; done < image.size();) {
    done += static_cast<size_t>(sys("filling the memory file of sandboxd", [&] {
      return ::write(file.get(), image.data() + done, image.size() - done);
    }));
  }
  return file;
}

UniqueFd out_of_the_way(UniqueFd fd) {
  return UniqueFd(sys("moving a descriptor", [&] { return ::fcntl(fd.get(), F_DUPFD_CLOEXEC, settings_number + 1); }));
}

void inherit(int fd, int number) {
  sys("passing on a descriptor", [&] { return ::dup2(fd, number); });
  sys("passing on a descriptor", [&] { return ::fcntl(number, F_SETFD, 0); });  // it may have been there already
}

}  // namespace

void start_sandboxd(const StartSettings& settings, UniqueFd socket) {
  const UniqueFd ours = out_of_the_way(std::move(socket));
  const UniqueFd text = out_of_the_way(os::memory_file("settings", settings_text(settings)));
  const UniqueFd program = out_of_the_way(executable_file(sandboxd_image()));
  inherit(ours.get(), socket_number);
  inherit(text.get(), settings_number);
  // The name by which people and `ps` know it.
  char name[] = "kubecoderun", role[] = "sandboxd";
  char* const arguments[] = {name, role, nullptr};
  char* const environment[] = {nullptr};
  sys("starting sandboxd", [&] { return ::fexecve(program.get(), arguments, environment); });
  std::unreachable();
}

}  // namespace ci::sandbox
