#include "os/system_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>

#include "base/unique_fd.h"

namespace ci::os {

namespace fs = std::filesystem;

SystemRoot::SystemRoot(fs::path directory) {
  if (!directory.empty()) directory_ = fs::absolute(directory).lexically_normal();
  if (!directory_.has_filename() && directory_ != "/") directory_ = directory_.parent_path();  // of "trixie/"
}

fs::path SystemRoot::find(const fs::path& name) const {
  std::error_code error;
  if (is_host()) return fs::exists(name, error) ? name : fs::path();
  const UniqueFd root(::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return {};
  open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd file(static_cast<int>(::syscall(SYS_openat2, root.get(), name.c_str(), &how, sizeof how)));
  if (!file) return {};
  const fs::path found = fs::read_symlink("/proc/self/fd/" + std::to_string(file.get()), error);
  return error ? fs::path() : found;
}

bool SystemRoot::has_program(const fs::path& name) const {
  const fs::path file = find(name);
  return !file.empty() && ::access(file.c_str(), X_OK) == 0;
}

std::string SystemRoot::pretty_name() const {
  std::ifstream file(find("/usr/lib/os-release"));
  constexpr std::string_view key = "PRETTY_NAME=";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    line.erase(0, key.size());
    std::erase(line, '"');
    return line;
  }
  return "a system without a name";
}

}  // namespace ci::os
