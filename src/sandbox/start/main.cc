// The program sandboxd, see start.h.

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <exception>
#include <string>

#include "base/log.h"
#include "base/sys.h"
#include "base/unique_fd.h"
#include "sandbox/sandboxd.h"
#include "sandbox/settings_text.h"

namespace {

ci::sandbox::StartSettings read_settings(int fd) {
  const ci::UniqueFd file(fd);
  struct stat info{};
  ci::sys("looking at the settings", [&] { return ::fstat(file.get(), &info); });
  std::string text(static_cast<size_t>(info.st_size), '\0');
  ci::sys("reading the settings", [&] { return ::pread(file.get(), text.data(), text.size(), 0); });
  return ci::sandbox::parse_settings_text(text);
}

}  // namespace

int main() {
  ::prctl(PR_SET_NAME, "kubecoderun-sbx", 0, 0, 0);
  try {
    ci::UniqueFd socket(3);
    ci::sys("keeping the socket to ourselves", [&] { return ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC); });
    const ci::sandbox::StartSettings settings = read_settings(4);
    ci::configure_log(settings.log);
    return ci::sandbox::sandboxd_main(settings.sandboxd, std::move(socket));
  } catch (const std::exception& error) {
    ci::log_error("sandboxd cannot start", {{"reason", error.what()}});
    return 1;
  }
}
