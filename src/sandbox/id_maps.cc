#include "sandbox/id_maps.h"

#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/sys.h"
#include "base/unique_fd.h"
#include "sandbox/guest/guest.h"

namespace ci::sandbox {

namespace {

void write_map(pid_t pid, const char* name, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(pid) + "/" + name;
  const std::string doing = "writing " + path;
  const UniqueFd file(sys(doing, [&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC); }));
  sys(doing, [&] { return ::write(file.get(), text.data(), text.size()); });
}

// The first range of at least id_range ids that /etc/subuid or /etc/subgid gives this user; 0: none.
std::uint32_t subordinate_base(const char* file) {
  const passwd* user = ::getpwuid(::getuid());
  const std::string number = std::to_string(::getuid());
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    std::ranges::replace(line, ':', ' ');
    std::istringstream fields(line);
    std::string name;
    std::uint32_t base = 0, count = 0;
    fields >> name >> base >> count;
    if ((name == number || (user != nullptr && name == user->pw_name)) && count >= id_range) return base;
  }
  return 0;
}

bool run_helper(const char* program, pid_t pid, std::uint32_t base) {
  const std::string target = std::to_string(pid), outside = std::to_string(base), count = std::to_string(id_range);
  const char* const argv[] = {program, target.c_str(), "0", outside.c_str(), count.c_str(), nullptr};
  pid_t child;
  if (::posix_spawnp(&child, program, nullptr, nullptr, const_cast<char* const*>(argv), environ) != 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

IdRange map_sandboxd(pid_t pid) {
  if (::geteuid() == 0) {
    const std::string map = "0 " + std::to_string(id_base) + " " + std::to_string(id_range);
    write_map(pid, "uid_map", map);
    write_map(pid, "gid_map", map);
    return IdRange::whole;
  }
  const std::uint32_t users = subordinate_base("/etc/subuid"), groups = subordinate_base("/etc/subgid");
  if (users != 0 && groups != 0 && run_helper("newuidmap", pid, users) && run_helper("newgidmap", pid, groups)) {
    return IdRange::whole;
  }
  map_caller(pid);
  return IdRange::single;
}

void map_caller(pid_t pid) {
  write_map(pid, "setgroups", "deny");  // the kernel's condition for mapping one's own group
  write_map(pid, "uid_map", "0 " + std::to_string(::geteuid()) + " 1");
  write_map(pid, "gid_map", "0 " + std::to_string(::getegid()) + " 1");
}

uid_t guest_user(IdRange range, std::uint32_t slot) { return range == IdRange::single ? 0 : 1000 + 2 * slot + 1; }

void map_sandbox(pid_t pid, IdRange range, std::uint32_t slot) {
  const std::string guest = std::to_string(guest_id);
  if (range == IdRange::single) {
    write_map(pid, "setgroups", "deny");
    write_map(pid, "uid_map", guest + " 0 1");
    write_map(pid, "gid_map", guest + " 0 1");
    return;
  }
  CHECK(slot < most_slots);
  const uid_t user = guest_user(range, slot);
  const std::string map = "0 " + std::to_string(user - 1) + " 1\n" + guest + " " + std::to_string(user) + " 1\n";
  write_map(pid, "uid_map", map);
  write_map(pid, "gid_map", map);
}

}  // namespace ci::sandbox
