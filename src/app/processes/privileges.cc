#include "app/processes/privileges.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <set>

#include "base/log.h"
#include "base/sys.h"
#include "base/unique_fd.h"

namespace ci::app {

namespace fs = std::filesystem;

namespace {

constexpr uid_t nobody_in_particular = 65531;
constexpr int answer_priority = -5;  // nice value, setpriority(2)
constexpr const char* marker = ".kubecoderun";

std::optional<Account> find_account(const std::string& name) {
  uid_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc{} && end == name.data() + name.size()) {
    const passwd* entry = ::getpwuid(number);
    return Account{number, entry != nullptr ? entry->pw_gid : static_cast<gid_t>(number), name};
  }
  const passwd* entry = ::getpwnam(name.c_str());
  if (entry == nullptr) return std::nullopt;
  return Account{entry->pw_uid, entry->pw_gid, name};
}

// Only for a directory that `account` does not own yet: whoever could swap names while we walk has no access.
void give_away(const fs::path& directory, const Account& account) {
  const auto change = [&](const fs::path& path) {
    sys("giving " + path.string() + " to " + account.name,
        [&] { return ::lchown(path.c_str(), account.user, account.group); });
  };
  for (const auto& entry : fs::recursive_directory_iterator(directory)) change(entry.path());
  change(directory);
}

// A volume's own "lost+found" is nobody's data.
bool holds_other_things(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.path().filename() != "lost+found") return !fs::exists(directory / marker);
  }
  return false;
}

// The first directory on the way to `path` that the effective user may not pass.
std::optional<fs::path> closed_directory(const fs::path& path) {
  fs::path walked;
  for (const fs::path& part : path.parent_path()) {
    walked /= part;
    if (::faccessat(AT_FDCWD, walked.c_str(), X_OK, AT_EACCESS) < 0 && errno == EACCES) return walked;
  }
  return std::nullopt;
}

std::optional<fs::path> closed_for(const Account& account, const fs::path& path) {
  sys("changing the group", [&] { return ::setegid(account.group); });
  sys("changing the user", [&] { return ::seteuid(account.user); });
  const auto closed = closed_directory(path);
  sys("changing the user back", [] { return ::seteuid(0); });
  sys("changing the group back", [] { return ::setegid(0); });
  return closed;
}

struct Way {
  fs::path closed, needed;
  UniqueFd tree;
};

// Covers closed directories with empty ones that anybody may pass, in a mount namespace of our own, and brings what is
// needed of them back at its old name. What is hidden by this was out of the account's reach anyway.
void open_ways(std::vector<Way> ways) {
  try {
    sys("making a mount namespace", [] { return ::unshare(CLONE_NEWNS); });
    sys("making mounts private", [] { return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr); });
    for (Way& way : ways) {
      way.tree.reset(static_cast<int>(sys("cloning a mount", [&] {
        return ::syscall(
            SYS_open_tree, AT_FDCWD, way.needed.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
      })));
    }
    std::set<fs::path> covered;
    for (const Way& way : ways) {
      if (covered.insert(way.closed).second) {
        sys("covering a directory", [&] {
          return ::mount(
              "kubecoderun", way.closed.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=64k");
        });
      }
      const mode_t mask = ::umask(022);
      fs::create_directories(way.needed);
      ::umask(mask);
      sys("moving a mount", [&] {
        return ::syscall(SYS_move_mount, way.tree.get(), "", AT_FDCWD, way.needed.c_str(), MOVE_MOUNT_F_EMPTY_PATH);
      });
    }
    for (const fs::path& closed : covered) {
      sys("sealing a directory", [&] {
        return ::mount(
            nullptr, closed.c_str(), nullptr, MS_REMOUNT | MS_RDONLY | MS_BIND | MS_NOSUID | MS_NODEV | MS_NOEXEC,
            nullptr);
      });
    }
  } catch (const Failure& failure) {
    throw Failure(
        FailureKind::invalid,
        fmt::format(
            "DATA_DIR: {} cannot be reached by the user of the server because of the mode of {} ({}); choose another "
            "place, or set SERVER_USER",
            ways.front().needed.string(), ways.front().closed.string(), failure.what()));
  }
}

}  // namespace

Account server_account(const std::string& wanted) {
  if (::geteuid() != 0) return {::geteuid(), ::getegid(), "this user"};
  if (!wanted.empty()) {
    if (auto account = find_account(wanted)) return *account;
    throw Failure(FailureKind::invalid, fmt::format("SERVER_USER: there is no user \"{}\"", wanted));
  }
  if (auto account = find_account("kubecoderun")) return *account;
  return {nobody_in_particular, nobody_in_particular, std::to_string(nobody_in_particular)};
}

std::optional<Account> starter() {
  const auto number = [](const char* name) -> std::optional<uid_t> {
    const char* text = std::getenv(name);
    if (text == nullptr) return std::nullopt;
    uid_t value = 0;
    const std::string_view digits(text);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return value;
  };
  const auto user = number("SUDO_UID"), group = number("SUDO_GID");
  if (::geteuid() != 0 || !user || !group || *user == 0) return std::nullopt;
  return Account{*user, *group, "the user of sudo"};
}

fs::path make_data_directory(const fs::path& directory) {
  const fs::path path = fs::absolute(directory).lexically_normal();
  const mode_t mask = ::umask(077);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (!error) fs::create_directory(path, error);
  ::umask(mask);
  if (error) throw Failure::from_errno(error.value(), "DATA_DIR: making " + path.string());
  return path;
}

fs::path prepare_data_directory(const fs::path& directory, const Account& account) {
  const fs::path path = make_data_directory(directory);
  const std::string doing = "DATA_DIR: making " + path.string();
  struct stat status{};
  sys(doing, [&] { return ::stat(path.c_str(), &status); });
  if (!S_ISDIR(status.st_mode)) throw Failure::from_errno(ENOTDIR, doing);
  if (::geteuid() != 0 || status.st_uid == account.user) {
    if (::access(path.c_str(), W_OK | X_OK) < 0)
      throw Failure::from_errno(errno, "DATA_DIR: writing to " + path.string());
  } else if (holds_other_things(path)) {
    throw Failure(
        FailureKind::invalid,
        fmt::format("DATA_DIR: {} holds files that are not ours; name an empty or a new directory", path.string()));
  }
  const UniqueFd file(
      sys(doing, [&] { return ::open((path / marker).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); }));
  if (::geteuid() == 0 && account.user != 0) {
    if (status.st_uid != account.user) give_away(path, account);
    sys(doing, [&] { return ::fchown(file.get(), account.user, account.group); });
  }
  return path;
}

void make_prepared_directory(const fs::path& data, const Account& account) {
  const std::string doing = "making the directory " + (data / "prepared").string();
  // The account may put anything in the place of its own directories: nothing of it is followed.
  const auto make = [&](int parent, const char* name) {
    const bool made = ::mkdirat(parent, name, 0755) == 0;
    if (!made && errno != EEXIST) throw Failure::from_errno(errno, doing);
    UniqueFd directory(
        sys(doing, [&] { return ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
    if (!made) return directory;
    sys(doing, [&] { return ::fchmod(directory.get(), 0755); });  // whatever our umask is
    if (::geteuid() == 0) sys(doing, [&] { return ::fchown(directory.get(), account.user, account.group); });
    return directory;
  };
  const UniqueFd parent(sys(doing, [&] { return ::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  const UniqueFd prepared = make(parent.get(), "prepared");
  make(prepared.get(), "made");
  make(prepared.get(), "none");
}

void prepare_log_file(const fs::path& file, const Account& account, std::string_view variable) {
  if (file.empty()) return;
  const std::string doing = fmt::format("{}: opening {}", variable, file.string());
  const int follow = ::geteuid() == 0 ? O_NOFOLLOW : 0;  // nobody is to lead root elsewhere
  const UniqueFd log(sys(doing, [&] {
    return ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC | follow, 0640);
  }));
  struct stat info{};
  sys(doing, [&] { return ::fstat(log.get(), &info); });
  if (::geteuid() != 0 || info.st_uid == account.user) return;
  if (!S_ISREG(info.st_mode)) return;  // a terminal, a pipe: whoever made it says who may write
  if (info.st_size > 0 || info.st_nlink != 1) {
    throw Failure(
        FailureKind::invalid,
        fmt::format(
            "{}: {} belongs to another user than the server, which is {}; chown {} {}, or name another file", variable,
            file.string(), account.name, account.user, file.string()));
  }
  sys(doing, [&] { return ::fchown(log.get(), account.user, account.group); });
}

void become(const Account& account, const std::vector<fs::path>& needed) {
  if (::geteuid() != 0) {
    sys("giving up privileges", [] { return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); });
    return;
  }
  if (account.user == 0) {
    log_warning("the server keeps running as root", {{"reason", "SERVER_USER names root"}});
    return;
  }
  // Our threads go before programs that compute: an answer must not wait for them. Without effect where it is refused.
  ::setpriority(PRIO_PROCESS, 0, answer_priority);
  std::vector<Way> ways;
  for (const fs::path& path : needed) {
    if (auto closed = closed_for(account, path)) ways.push_back({*std::move(closed), path, {}});
  }
  if (!ways.empty()) open_ways(std::move(ways));
  // Groups first: after setresuid we may not.
  sys("leaving root's groups", [] { return ::setgroups(0, nullptr); });
  sys("changing the group", [&] { return ::setresgid(account.group, account.group, account.group); });
  sys("changing the user", [&] { return ::setresuid(account.user, account.user, account.user); });
  sys("giving up privileges", [] { return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); });
  CHECK(::setuid(0) < 0);
}

}  // namespace ci::app
