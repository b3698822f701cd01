#include "sandbox/sandboxd.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/sys.h"
#include "os/cgroup.h"
#include "os/machine.h"
#include "os/message_socket.h"
#include "os/open_files.h"
#include "sandbox/bounds.h"
#include "sandbox/guest/guest.h"
#include "sandbox/id_maps.h"
#include "sandbox/isolation.h"
#include "sandbox/namespaces.h"
#include "sandbox/sandbox_maker.h"
#include "sandbox/template_root.h"
#include "sandbox/wire.h"

namespace ci::sandbox {

namespace {

void refuse(int socket, std::string_view reason) noexcept {
  try {
    const std::string text = std::string(reason) + "; `kubecoderun doctor` says what is missing and how to get it";
    log_error("cannot run code on this host", {{"reason", text}});
    os::send_message(socket, Writer(Tag::refused).number<std::uint64_t>(0).text(text).bytes());
  } catch (const Failure&) {
  }
}

// What the kernel counts for all sandboxes together, since their user namespaces are of our making. Our own limits at the time
// that they are made are theirs. False where we may not lift them (CAP_SYS_RESOURCE): then these counts are also those of whoever started us.
bool lift_common_counts() {
  const rlimit endless{RLIM_INFINITY, RLIM_INFINITY};
  bool lifted = true;
  for (const auto resource : {RLIMIT_MSGQUEUE, RLIMIT_SIGPENDING, RLIMIT_MEMLOCK, RLIMIT_NPROC}) {
    lifted = ::setrlimit(resource, &endless) == 0 && lifted;
  }
  return lifted;
}

os::CgroupLimits limits_of_all(const SandboxdSettings& settings) {
  os::CgroupLimits limits;
  limits.memory_bytes = memory_of_all(os::usable_memory(settings.cgroup_mount));
  limits.processes = processes_of_all(os::most_processes());
  return limits;
}

// Guests inherit our standard input: what `kubecoderun run` was given, as a pipe. Anything else, a terminal or a directory, would
// be a way out of the sandbox.
void keep_only_a_pipe_as_input() {
  struct stat info{};
  if (::fstat(STDIN_FILENO, &info) == 0 && S_ISFIFO(info.st_mode)) return;
  const UniqueFd null(sys("opening /dev/null", [] { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }));
  sys("leaving standard input", [&] { return ::dup2(null.get(), STDIN_FILENO); });
}

void take_trees(const SandboxdSettings& settings, OurTrees& trees) {
  if (!trees.runtimes) trees.runtimes = take_tree(settings.runtimes);
  if (!settings.root.empty() && !trees.root) trees.root = take_tree(settings.root);
  const auto take_optional = [](const std::filesystem::path& path, UniqueFd& tree, auto take, const char* loss) {
    if (path.empty() || tree) return;
    try {
      tree = take(path);
    } catch (const Failure& failure) {
      log_warning(loss, {{"reason", failure.what()}});
    }
  };
  take_optional(settings.prepared, trees.prepared, take_prepared, "what is prepared anew will not be used");
  take_optional(settings.packages, trees.packages, take_tree, "packages of the operator will not be found");
  for (const std::filesystem::path set : settings.package_sets)
    take_optional(set, trees.sets[set.filename()], take_tree, "a set of packages will not be found");
}

// Root may go where the user of the sandboxes may not, below somebody's home perhaps. Nothing where root may not mount: then
// the trees are taken inside of the namespace, by the same user as here.
OurTrees take_trees_as_root(const SandboxdSettings& settings) {
  OurTrees trees;
  if (::geteuid() != 0) return trees;
  try {
    take_trees(settings, trees);
  } catch (const Failure&) {
  }
  return trees;
}

[[noreturn]] void run_inside(
    const SandboxdSettings& settings, UniqueFd socket, UniqueFd mapped, OurTrees trees,
    std::optional<os::CgroupTree> cgroups, bool counts_are_ours) noexcept {
  try {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, "sandboxd");
    char range = 0;
    if (::read(mapped.get(), &range, 1) != 1) ::_exit(1);
    mapped.reset();
    const int listener = socket.get();
    try {
      take_trees(settings, trees);  // while we are still who may go there
    } catch (const std::exception& error) {
      refuse(listener, error.what());
      ::_exit(1);
    }
    if (range == 'w') ::syscall(SYS_setgroups, 0, nullptr);
    sys("becoming root of the namespace", [&] { return ::syscall(SYS_setresgid, 0, 0, 0); });
    sys("becoming root of the namespace", [&] { return ::syscall(SYS_setresuid, 0, 0, 0); });
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // changing the user cleared it
    // Changing the user also hid our /proc files from ourselves, and sandboxes' id maps are written there.
    ::prctl(PR_SET_DUMPABLE, 1);
    try {
      MakerParts parts;
      HostParts host;
      host.users = range == 'w';
      host.cgroup = cgroups ? cgroups->version() : 0;
      parts.isolation = plan_isolation(settings, host);
      parts.socket = std::move(socket);
      parts.range = range == 'w' ? IdRange::whole : IdRange::single;
      parts.cgroups = std::move(cgroups);
      parts.trees = std::move(trees);
      parts.counts_are_ours = counts_are_ours;
      make_sandboxes(settings, std::move(parts));
      ::_exit(0);
    } catch (const std::exception& error) {
      refuse(listener, error.what());
    }
  } catch (...) {
  }
  ::_exit(1);
}

// A process whose namespace ends is there until all in it are gone, and who stands still does not go. `end`: a pipe whose other end
// it has. Returns the status of wait(2).
int wait_for_end(pid_t pid, int end, const std::optional<os::CgroupTree>& cgroups) {
  char byte;
  while (::read(end, &byte, 1) < 0 && errno == EINTR) {
  }
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(pid, &status, cgroups ? WNOHANG : 0);
    if (ended == pid || (ended < 0 && errno != EINTR)) return status;
    if (cgroups) cgroups->thaw();
    ::usleep(10000);
  }
}

// There is nothing to set up and nothing to give up: the container has seen to both.
int make_contained(const SandboxdSettings& settings, UniqueFd socket) {
  const int listener = socket.get();
  try {
    ::prctl(PR_SET_DUMPABLE, 0);  // programs are the same user, and would see our memory
    if (::geteuid() != guest_id) {
      throw Failure(
          FailureKind::unavailable,
          "sandboxes without namespaces need user " + std::to_string(guest_id) + " for the server");
    }
    for (const char* path : {workspace, "/tmp"}) {
      if (::access(path, W_OK) == 0) continue;
      throw Failure(FailureKind::unavailable, std::string(path) + " cannot be written to");
    }
    for (const std::string_view path : {"/tmp/", "/dev/shm/", "/mnt/data/"}) {
      if (!settings.prepared.native().starts_with(path)) continue;
      throw Failure(
          FailureKind::unavailable, "DATA_DIR is below " + std::string(path) + ", which is emptied for each program");
    }
    HostParts host;
    host.landlock = landlock_version();
    MakerParts parts;
    parts.isolation = plan_isolation(settings, host);
    parts.socket = std::move(socket);
    make_sandboxes(settings, std::move(parts));
    return 0;
  } catch (const std::exception& error) {
    refuse(listener, error.what());
    return 1;
  }
}

}  // namespace

int sandboxd_main(const SandboxdSettings& settings, UniqueFd socket) {
  keep_only_a_pipe_as_input();
  // The server closing its end is our only way to be told to stop; a Ctrl-C at the terminal is for the supervisor.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  os::raise_open_files(65536);
  if (settings.is_contained()) return make_contained(settings, std::move(socket));
  const bool counts_are_ours = lift_common_counts();
  std::optional<os::CgroupTree> cgroups;
  try {
    try {
      const bool root = ::geteuid() == 0;
      cgroups = os::CgroupTree::make(
          settings.cgroup_mount, root ? id_base : ::geteuid(), root ? id_base : ::getegid(), ::getpid(),
          os::CgroupTree::Leftovers::remove);
      cgroups->limit(limits_of_all(settings));
    } catch (const Failure& failure) {
      if (!settings.allow_weak.contains("cgroup")) throw;
      log_warning("running without cgroups, as allowed", {{"reason", failure.what()}});
    }
    OurTrees trees = take_trees_as_root(settings);
    UniqueFd process, mapped, map_done, end, lives;
    for (const auto& [read_end, write_end] : {std::pair(&mapped, &map_done), std::pair(&end, &lives)}) {
      int ends[2];
      sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
      read_end->reset(ends[0]);
      write_end->reset(ends[1]);
    }
    const pid_t pid = fork_into_namespaces(Groups::all, process);
    if (pid == 0) {
      map_done.reset();
      end.reset();
      std::optional<os::CgroupTree> copy;
      if (cgroups) copy.emplace(std::move(*cgroups)).leave_ownership();  // it is ours who wait for the end
      run_inside(settings, std::move(socket), std::move(mapped), std::move(trees), std::move(copy), counts_are_ours);
    }  // `lives` stays open in it and nowhere else
    if (cgroups) cgroups->take_in(pid);
    socket.reset();
    mapped.reset();
    lives.reset();
    trees = {};
    const char range = map_sandboxd(pid) == IdRange::whole ? 'w' : 's';
    sys("letting sandboxd go on", [&] { return ::write(map_done.get(), &range, 1); });
    map_done.reset();
    const int status = wait_for_end(pid, end.get(), cgroups);
    if (cgroups) cgroups->remove();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  } catch (const std::exception& error) {
    if (socket)
      refuse(socket.get(), error.what());
    else
      log_error("cannot run code on this host", {{"reason", error.what()}});
    if (cgroups) cgroups->remove();
    return 1;
  }
}

}  // namespace ci::sandbox
