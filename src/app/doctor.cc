#include "app/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "app/compose.h"
#include "app/preparations.h"
#include "base/log.h"
#include "base/sys.h"
#include "base/unique_fd.h"
#include "languages/language.h"
#include "os/cgroup.h"
#include "sandbox/id_maps.h"
#include "sandbox/kinds.h"
#include "store/open.h"

namespace ci::app {

namespace {

namespace json = boost::json;

enum class Verdict { good, weak, missing };  // weak: something is lost, but sandboxes are whole

struct Finding {
  std::string group;
  std::string name;
  Verdict verdict = Verdict::good;
  std::string detail;
  std::string loss;    // what is lost without it
  std::string remedy;  // how to get it
};

std::string read_line(const char* path) {
  std::ifstream stream(path);
  std::string line;
  std::getline(stream, line);
  return line;
}

// Runs `attempt` in a child process. An empty text is success, else the reason.
std::string try_in_child(const std::function<void()>& attempt) {
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  UniqueFd reading(ends[0]), writing(ends[1]);
  std::fflush(nullptr);
  const pid_t child = static_cast<pid_t>(sys("starting a child", [] { return ::fork(); }));
  if (child == 0) {
    std::string reason;
    try {
      attempt();
    } catch (const std::exception& error) {
      reason = error.what();
    }
    if (!reason.empty() && ::write(writing.get(), reason.data(), reason.size()) < 0) ::_exit(2);
    ::_exit(reason.empty() ? 0 : 1);
  }
  writing.reset();
  std::string reason;
  char buffer[512];
  for (;;) {
    const auto count = sys("reading from a child", [&] { return ::read(reading.get(), buffer, sizeof buffer); });
    if (count == 0) break;
    reason.append(buffer, static_cast<size_t>(count));
  }
  int status = 0;
  sys("waiting for a child", [&] { return ::waitpid(child, &status, 0); });
  if (reason.empty() && status != 0) reason = "the attempt was killed";
  return reason;
}

void write_file(const char* path, const std::string& text) {
  const UniqueFd file(sys(std::string("opening ") + path, [&] { return ::open(path, O_WRONLY | O_CLOEXEC); }));
  sys(std::string("writing ") + path, [&] { return ::write(file.get(), text.data(), text.size()); });
}

void enter_user_namespace(int more_namespaces) {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  sys("unshare(CLONE_NEWUSER)", [&] { return ::unshare(CLONE_NEWUSER | more_namespaces); });
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", fmt::format("0 {} 1", user));
  write_file("/proc/self/gid_map", fmt::format("0 {} 1", group));
}

void mount_fresh_proc() {
  enter_user_namespace(CLONE_NEWNS | CLONE_NEWPID);
  const pid_t child = static_cast<pid_t>(sys("starting a child", [] { return ::fork(); }));
  if (child == 0) {
    // The first process of the new pid namespace.
    ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    ::_exit(::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0 ? 0 : errno);
  }
  int status = 0;
  sys("waiting for a child", [&] { return ::waitpid(child, &status, 0); });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  throw Failure::from_errno(WIFEXITED(status) ? WEXITSTATUS(status) : EPERM, "mounting /proc");
}

// As sandboxd does it: the maps of a child are written from outside.
void map_foreign_ids() {
  int ends[2];
  sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
  UniqueFd made(ends[0]), making(ends[1]);
  const pid_t child = static_cast<pid_t>(sys("starting a child", [] { return ::fork(); }));
  if (child == 0) {
    const char result = ::unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
    if (::write(making.get(), &result, 1) == 1) ::pause();
    ::_exit(0);
  }
  making.reset();
  char result = 'n';
  std::string reason = "unshare(CLONE_NEWUSER) failed";
  if (::read(made.get(), &result, 1) == 1 && result == 'y') {
    reason.clear();
    try {
      const std::string map = fmt::format("0 {} 1", sandbox::id_base);
      write_file(fmt::format("/proc/{}/uid_map", child).c_str(), map);
      write_file(fmt::format("/proc/{}/gid_map", child).c_str(), map);
    } catch (const Failure& failure) {
      reason = failure.what();
    }
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!reason.empty()) throw Failure(FailureKind::unavailable, reason);
}

// A call with arguments that cannot be right: where it exists it says so.
bool has_mount_setattr() { return ::syscall(SYS_mount_setattr, -1, "", 0, nullptr, 0) != 0 && errno == EINVAL; }

bool has_swap() {
  std::ifstream swaps("/proc/swaps");
  int lines = 0;
  for (std::string line; std::getline(swaps, line);) ++lines;
  return lines > 1;  // the first is a heading
}

// Some group's files say what all groups have; the root has none of them.
bool counts_swap(int version) {
  if (version == 1) return ::access("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK) == 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/fs/cgroup", ignored)) {
    if (std::filesystem::exists(entry.path() / "memory.swap.max", ignored)) return true;
  }
  return std::filesystem::exists("/sys/fs/cgroup/memory.swap.max", ignored);
}

bool shares_processors(int version) {
  if (version == 1) return ::access("/sys/fs/cgroup/cpu", F_OK) == 0;
  std::ifstream file("/sys/fs/cgroup/cgroup.controllers");
  for (std::string word; file >> word;) {
    if (word == "cpu") return true;
  }
  return false;
}

class Examination {
 public:
  Examination(bool cgroups_optional, std::filesystem::path runtimes, std::filesystem::path prepared)
      : cgroups_optional_(cgroups_optional), runtimes_(std::move(runtimes)), prepared_(std::move(prepared)) {}

  std::vector<Finding> run() {
    kernel();
    namespaces();
    id_ranges();
    cgroups();
    system_calls();
    memory();
    runtimes();
    compilers();
    prepared();
    python_packages();
    return std::move(findings_);
  }

 private:
  void add(const char* group, std::string name, bool good, std::string detail, std::string loss, std::string remedy,
           Verdict otherwise = Verdict::missing) {
    Finding finding;
    finding.group = group;
    finding.name = std::move(name);
    finding.verdict = good ? Verdict::good : otherwise;
    finding.detail = std::move(detail);
    if (!good) {
      finding.loss = std::move(loss);
      finding.remedy = std::move(remedy);
    }
    findings_.push_back(std::move(finding));
  }

  void kernel() {
    utsname names{};
    ::uname(&names);
    const bool new_enough = has_mount_setattr();
    add("Kernel", "version", new_enough,
        new_enough ? names.release : fmt::format("{}: mount_setattr cannot be called", names.release),
        "no sandbox can be made: its mounts are prepared with calls that came with Linux 5.2 to 5.12",
        "run Linux 5.12 or newer; in a container, a runtime that allows mount_setattr");
  }

  void namespaces() {
    std::string how = "as root of a container: allow user namespaces (Docker: --security-opt seccomp=unconfined "
                      "--security-opt apparmor=unconfined)";
    if (read_line("/proc/sys/user/max_user_namespaces") == "0") how = "sysctl user.max_user_namespaces=28633";
    if (read_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") how = "sysctl kernel.unprivileged_userns_clone=1";
    if (read_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" && ::geteuid() != 0) {
      how = "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with \"userns\" for the program";
    }
    const std::string user = try_in_child([] { enter_user_namespace(0); });
    add("Kernel", "user namespaces", user.empty(), user.empty() ? "can be made" : user,
        "no sandbox can be made: root inside would be root outside", how);
    const std::string all =
        try_in_child([] { enter_user_namespace(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP); });
    add("Kernel", "mount, network, ipc, uts and cgroup namespaces", all.empty(), all.empty() ? "can be made" : all,
        "no sandbox can be made", how);
    const std::string proc = try_in_child(mount_fresh_proc);
    add("Kernel", "fresh /proc in a pid namespace", proc.empty(), proc.empty() ? "can be mounted" : proc,
        "programs would see the host's processes, so no sandbox is made",
        "in a container: --security-opt systempaths=unconfined, or mount a second, unmasked proc (-v /proc:/run/proc)");
  }

  void id_ranges() {
    if (::geteuid() == 0) {
      const std::string reason = try_in_child(map_foreign_ids);
      own_ids_ = reason.empty();
      add("Kernel", "range of user ids", reason.empty(), reason.empty() ? "we are root and may map any" : reason,
          "programs of different sandboxes share one user id; namespaces still keep them apart",
          "in a container: the capabilities SETUID and SETGID, and a user namespace of its own that is large enough",
          Verdict::weak);
      return;
    }
    const passwd* entry = ::getpwuid(::geteuid());
    const std::string name = entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
    const bool has_program = ::access("/usr/bin/newuidmap", X_OK) == 0;
    const auto listed = [&](const char* path) {
      std::ifstream stream(path);
      for (std::string line; std::getline(stream, line);) {
        if (line.starts_with(name + ":") || line.starts_with(std::to_string(::geteuid()) + ":")) return true;
      }
      return false;
    };
    const bool has_range = listed("/etc/subuid") && listed("/etc/subgid");
    own_ids_ = has_program && has_range;
    add("Kernel", "range of user ids", has_program && has_range,
        has_program ? (has_range ? "newuidmap with a range for " + name : "no range for " + name) : "newuidmap is not installed",
        "programs of different sandboxes share one user id; namespaces still keep them apart",
        fmt::format("apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}", name),
        Verdict::weak);
  }

  void cgroups() {
    std::string reason;
    int version = 0;
    try {
      const os::CgroupTree tree = os::CgroupTree::make(
          "/sys/fs/cgroup", ::geteuid(), ::getegid(), ::getpid(), os::CgroupTree::Leftovers::keep);
      version = tree.version();
      tree.remove();
    } catch (const std::exception& error) {
      reason = error.what();
    }
    add("Kernel", "control groups", reason.empty(),
        reason.empty() ? fmt::format("version {}, memory and processes can be limited", version) : reason,
        cgroups_optional_ ? "memory and processes are limited one by one, not for a sandbox as a whole; accepted by "
                            "ALLOW_WEAK_SANDBOX"
                          : "memory and processes cannot be limited for a sandbox as a whole; no sandbox is made unless "
                            "ALLOW_WEAK_SANDBOX=cgroup accepts that",
        "start as root, or under a systemd service with Delegate=yes; in a container: --cgroupns=private and a writable "
        "/sys/fs/cgroup",
        cgroups_optional_ ? Verdict::weak : Verdict::missing);
    if (!reason.empty()) return;
    const bool swap = has_swap(), counted = counts_swap(version), shared = shares_processors(version);
    std::string detail = "there is no swap";
    if (swap) detail = counted ? "swap is limited too" : "swap is not limited";
    add("Kernel", "swap accounting", !swap || counted, detail,
        "a program may use swap beyond its memory limit", "boot with swapaccount=1, or without swap", Verdict::weak);
    add("Kernel", "processor shares", shared, shared ? "the cpu controller is there" : "there is no cpu controller",
        "a sandbox with many processes gets more of the processors than others",
        "under systemd: Delegate=cpu memory pids", Verdict::weak);
  }

  void system_calls() {
    const auto action = [](std::uint32_t value) { return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &value) == 0; };
    add("Kernel", "seccomp filters", action(SECCOMP_RET_KILL_PROCESS) && action(SECCOMP_RET_ERRNO),
        "kill and errno actions", "the kernel's whole surface would be open to programs, so no sandbox is made",
        "a kernel with CONFIG_SECCOMP_FILTER");
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    add("Kernel", "process descriptors", static_cast<bool>(pidfd), "pidfd_open",
        "signals could hit a recycled process id, so no sandbox is made", "Linux 5.3 or newer; a container runtime that allows pidfd_open");
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    const UniqueFd here(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof how)));
    add("Kernel", "confined path look-up", static_cast<bool>(here), "openat2",
        "files that a program leaves could not be opened safely, so none are collected",
        "Linux 5.6 or newer; a container runtime that allows openat2");
  }

  void memory() {
    add("Kernel", "memory overcommit", read_line("/proc/sys/vm/overcommit_memory") != "2",
        fmt::format("vm.overcommit_memory={}", read_line("/proc/sys/vm/overcommit_memory")),
        "each fork of a Python with libraries counts its whole memory again; few sandboxes fit",
        "sysctl vm.overcommit_memory=0", Verdict::weak);
  }

  void runtimes() {
    if (!runtimes_.empty()) {
      const bool runs = !forbids_programs(runtimes_);
      add("Languages", "our files for the inside of sandboxes", runs,
          runtimes_.string() + (runs ? "" : " is on a file system that is mounted noexec"),
          "Python, PHP, R and Java are not offered: parts of ours cannot be loaded from there",
          "copy it elsewhere and name that place in RUNTIMES_DIR, or mount -o remount,exec the file system");
    }
    bool any = false;
    for (const languages::Language& language : languages::all()) {
      const bool installed = ::access(std::string(language.needs).c_str(), X_OK) == 0;
      const Trouble trouble = trouble_of(language);
      const bool present = installed && trouble.what.empty();
      any = any || present;
      std::string detail(language.needs);
      if (!installed) detail += " is not there";
      else if (!present) detail += ", but " + trouble.what;
      add("Languages", fmt::format("{} ({})", language.name, language.code), present, detail,
          fmt::format("{} is not offered", language.name),
          installed ? trouble.remedy
                    : fmt::format("apt-get install {}, and build again", language.package),
          Verdict::weak);
    }
    if (!any) add("Languages", "any language", false, "none", "there is nothing to run", "install one of the above");
  }

  // Why something of ours that a language's command needs cannot be used; empty when all is well.
  struct Trouble {
    std::string what, remedy;
  };
  Trouble trouble_of(const languages::Language& language) const {
    for (const std::string_view word : language.command) {
      const std::string_view inside = sandbox::runtime_of(word);
      if (inside.empty() || inside.ends_with(".jsa")) continue;
      const auto part = runtimes_ / inside.substr(std::string_view("/runtimes/").size());
      struct stat info {};
      if (::stat(part.c_str(), &info) != 0) {
        return {part.string() + " is not there", "build again: that part is made where the language is installed"};
      }
      if (!others_may_read(part)) {
        return {part.string() + " is closed to the users of sandboxes", "chmod -R go+rX " + runtimes_.string()};
      }
    }
    return {};
  }

  // From the directory of runtimes down: what is above it does not matter, since the tree is taken as a whole.
  bool others_may_read(std::filesystem::path path) const {
    if (!own_ids_) return true;
    for (;; path = path.parent_path()) {
      struct stat info {};
      if (::stat(path.c_str(), &info) != 0) return false;
      if ((info.st_mode & (S_ISDIR(info.st_mode) ? S_IXOTH : S_IROTH)) == 0) return false;
      if (path == runtimes_ || path == path.root_path()) return true;
    }
  }

  // Without these programs mean the same, and wait longer.
  void compilers() {
    struct Helper {
      const char* language;
      const char* name;
      std::filesystem::path file;
      const char* loss;
      const char* remedy;
    };
    const Helper helpers[] = {
        {"c", "gold", "/usr/bin/ld.gold", "C, C++ and Fortran are linked more slowly", "apt-get install binutils"},
        {"rs", "mold", "/usr/bin/mold", "Rust and D are linked more slowly", "apt-get install mold"},
    };
    for (const Helper& helper : helpers) {
      const languages::Language* language = languages::find(helper.language);
      if (language == nullptr || ::access(std::string(language->needs).c_str(), X_OK) != 0) continue;
      const bool present = ::access(helper.file.c_str(), F_OK) == 0;
      add("Quick compiling", helper.name, present, helper.file.string() + (present ? "" : " is not there"), helper.loss,
          helper.remedy, Verdict::weak);
    }
  }

  void prepared() {
    for (const Preparation& preparation : preparations()) {
      const languages::Language* language = languages::find(preparation.language);
      if (::access(std::string(language->needs).c_str(), X_OK) != 0) continue;
      const Prepared state = look_at(preparation, runtimes_, prepared_);
      std::string detail;
      switch (state) {
        case Prepared::as_built:
          detail = "as built, and nothing that it was made of has changed since";
          break;
        case Prepared::anew:
          detail = "made anew by the server, in " + (prepared_ / preparation.folder).string();
          break;
        case Prepared::stale:
          detail = "files of the system that it was made of have changed since";
          break;
        case Prepared::absent:
          detail = "never made";
          break;
      }
      add("Quick compiling", std::string(preparation.what), state == Prepared::as_built || state == Prepared::anew, detail,
          std::string(preparation.loss), "a server makes it within two minutes of its start, or says in its log why it cannot", Verdict::weak);
    }
  }

  void python_packages() {
    if (::access("/usr/bin/python3", X_OK) != 0) return;
    struct Package {
      const char* module;
      const char* debian;
    };
    constexpr Package packages[] = {
        {"numpy", "python3-numpy"},   {"pandas", "python3-pandas"},   {"matplotlib", "python3-matplotlib"},
        {"scipy", "python3-scipy"},   {"sklearn", "python3-sklearn"}, {"statsmodels", "python3-statsmodels"},
        {"seaborn", "python3-seaborn"}, {"PIL", "python3-pil"},       {"openpyxl", "python3-openpyxl"},
    };
    std::string script = "import importlib.util as u\nfor m in '";
    for (const Package& package : packages) script += std::string(package.module) + " ";
    script += "'.split(): print(m if u.find_spec(m) else '-', flush=True)\n";
    // Our own fixed text; -I keeps the working directory and the environment out.
    FILE* pipe = ::popen(("/usr/bin/python3 -I -c \"" + script + "\" 2>/dev/null").c_str(), "re");
    if (pipe == nullptr) return;
    char line[64];
    for (const Package& package : packages) {
      if (std::fgets(line, sizeof line, pipe) == nullptr) break;
      const bool present = line[0] != '-';
      add("Python packages", package.module, present, present ? "installed" : "not installed",
          fmt::format("programs cannot import {}", package.module), fmt::format("apt-get install {}", package.debian), Verdict::weak);
    }
    ::pclose(pipe);
  }

  bool cgroups_optional_;
  bool own_ids_ = true;  // sandboxes have users of their own, who are not whom our files belong to
  std::filesystem::path runtimes_, prepared_;
  std::vector<Finding> findings_;
};

// What stores have to say is said in the findings.
void keep_stores_quiet() {
  LogSettings quiet;
  quiet.level = LogLevel::error;
  configure_log(quiet);
}

// ", connected and answered in 1.2 ms". Fails as the store does.
std::string time_of_answer(asio::io_context& context, awaitable<void> ping) {
  std::exception_ptr failure;
  bool ended = false;
  const auto begin = std::chrono::steady_clock::now();
  asio::co_spawn(context, std::move(ping), [&](std::exception_ptr reason) {
    failure = reason;
    ended = true;
  });
  while (!ended) context.run_one();
  if (failure) std::rethrow_exception(failure);
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  return fmt::format(", connected and answered in {:.1f} ms", time.count());
}

// Says where records are kept; when that is another server, whether it answers.
Finding examine_records(const Settings& settings) {
  Finding finding;
  finding.group = "Stores";
  finding.name = "records";
  finding.detail = "SQLite in " + settings.data_directory.string();
  if (!settings.redis.chosen()) return finding;
  keep_stores_quiet();
  try {
    finding.detail = store::describe(settings.redis);
    asio::io_context context{1};
    const auto store = store::open_redis(context.get_executor(), settings.redis);
    finding.detail += time_of_answer(context, store->ping());
  } catch (const Failure& failure) {
    finding.verdict = Verdict::weak;
    finding.detail += fmt::format(": {}", failure.what());
    finding.loss = "the server starts, but is not ready and refuses what needs records";
    finding.remedy = "docs/configuration.md, section Redis, says what the message means";
  }
  return finding;
}

// The same of the bodies of files.
Finding examine_files(const Settings& settings) {
  Finding finding;
  finding.group = "Stores";
  finding.name = "files";
  finding.detail = "files in " + settings.data_directory.string();
  if (!settings.s3.chosen()) return finding;
  keep_stores_quiet();
  finding.detail = fmt::format(
      "S3 at {}, bucket {}{}", settings.s3.endpoint, settings.s3.bucket, settings.s3.secure ? ", TLS" : "");
  try {
    asio::io_context context{1};
    asio::thread_pool pool(1);  // ends, with what it still does, before the context does
    const auto store = store::open_s3(settings.s3, context.get_executor(), pool);
    finding.detail += time_of_answer(context, store->ping());
  } catch (const Failure& failure) {
    finding.verdict = Verdict::weak;
    finding.detail += fmt::format(": {}", failure.what());
    finding.loss = "the server does not become ready and refuses what needs files";
    finding.remedy = "docs/configuration.md, section S3";
  }
  return finding;
}

std::string_view mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return "ok     ";
    case Verdict::weak:
      return "lacking";
    case Verdict::missing:
      return "MISSING";
  }
  return "";
}

void print(const std::vector<Finding>& findings, bool usable) {
  std::string group;
  for (const Finding& finding : findings) {
    if (finding.group != group) {
      if (!group.empty()) fmt::print("\n");
      group = finding.group;
      fmt::print("{}\n", group);
    }
    fmt::print("  {}  {}: {}\n", mark(finding.verdict), finding.name, finding.detail);
    if (finding.verdict == Verdict::good) continue;
    fmt::print("           lost:   {}\n           to get: {}\n", finding.loss, finding.remedy);
  }
  fmt::print(
      "\n{}\n", usable ? "This host can run sandboxes." : "This host cannot run sandboxes: see MISSING above.");
}

void print_json(const std::vector<Finding>& findings, bool usable) {
  json::array rows;
  for (const Finding& finding : findings) {
    json::object row;
    row["group"] = finding.group;
    row["name"] = finding.name;
    row["state"] = finding.verdict == Verdict::good ? "ok" : finding.verdict == Verdict::weak ? "lacking" : "missing";
    row["detail"] = finding.detail;
    if (finding.verdict != Verdict::good) {
      row["loss"] = finding.loss;
      row["remedy"] = finding.remedy;
    }
    rows.emplace_back(std::move(row));
  }
  json::object report;
  report["usable"] = usable;
  report["findings"] = std::move(rows);
  fmt::print("{}\n", json::serialize(report));
}

}  // namespace

int doctor(bool as_json, const Settings& settings) {
  const bool cgroups_optional = std::ranges::find(settings.allow_weak, "cgroup") != settings.allow_weak.end();
  std::filesystem::path runtimes;
  Finding lost;
  try {
    runtimes = runtimes_directory(settings);
  } catch (const std::exception& error) {
    lost.group = "Languages";
    lost.name = "our files for the inside of sandboxes";
    lost.verdict = Verdict::missing;
    lost.detail = error.what();
    lost.loss = "no sandbox can be made";
    lost.remedy = "set RUNTIMES_DIR, or start the program where it was built or installed";
  }
  std::vector<Finding> findings = Examination(cgroups_optional, runtimes, settings.data_directory / prepared_directory).run();
  if (lost.verdict != Verdict::good) findings.push_back(lost);
  findings.push_back(examine_records(settings));
  findings.push_back(examine_files(settings));
  bool usable = true;
  for (const Finding& finding : findings) usable = usable && finding.verdict != Verdict::missing;
  if (as_json) {
    print_json(findings, usable);
  } else {
    print(findings, usable);
  }
  return usable ? 0 : 1;
}

}  // namespace ci::app
