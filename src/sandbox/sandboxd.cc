#include "sandbox/sandboxd.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "base/log.h"
#include "base/sys.h"
#include "os/cgroup.h"
#include "os/machine.h"
#include "os/message_socket.h"
#include "os/open_files.h"
#include "sandbox/agent.h"
#include "sandbox/bounds.h"
#include "sandbox/id_maps.h"
#include "sandbox/kinds.h"
#include "sandbox/template_root.h"
#include "sandbox/wire.h"
#include "sandbox/zygote_tree.h"

namespace ci::sandbox {

namespace {

using Clock = std::chrono::steady_clock;

// Between the end of the zygotes and their next start, doubled while they live shorter than that.
constexpr auto first_pause = std::chrono::milliseconds(100);
constexpr auto longest_pause = std::chrono::seconds(10);

constexpr int slots_tried = 16;
// POSIX message queues of a sandbox: three of the usual size, or one, where all sandboxes have 800 KB together.
constexpr std::uint64_t own_queue_bytes = 256 << 10, shared_queue_bytes = 96 << 10;

constexpr std::uint64_t all_namespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
                                         CLONE_NEWUTS | CLONE_NEWCGROUP;

// fork(2) into new namespaces. The child is single-threaded like its parent, so all of C++ works in it.
pid_t fork_into_namespaces(UniqueFd& process) {
  int fd = -1;
  clone_args arguments{};
  arguments.flags = all_namespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&fd);
  arguments.exit_signal = SIGCHLD;
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid < 0) {
    const int error = errno;
    throw Failure(
        FailureKind::unavailable,
        std::string("cannot make namespaces (") + std::strerror(error) +
            "). User namespaces must be allowed: check the sysctls user.max_user_namespaces, "
            "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns, or the container's "
            "seccomp profile");
  }
  if (pid > 0) process.reset(fd);
  return static_cast<pid_t>(pid);
}

// A place for a sandbox: users that no other has, and a group, made when it is first needed.
struct Slot {
  explicit Slot(std::uint32_t n) : number(n) {}
  std::uint32_t number;
  std::optional<os::Cgroup> cgroup;
};

struct Sandbox {
  std::uint64_t ticket;
  Slot slot;
};

// Of one language.
struct Zygotes {
  std::vector<std::string> command;
  size_t count = 0;
  std::unique_ptr<ZygoteTree> tree;
  Clock::time_point started;
  std::optional<Clock::time_point> due;  // when they start again
  std::chrono::milliseconds pause = first_pause;
};

class Sandboxd {
 public:
  Sandboxd(
      const SandboxdSettings& settings, UniqueFd socket, IdRange range, std::optional<os::CgroupTree> cgroups, bool counts_are_ours)
      : settings_(settings), socket_(std::move(socket)), range_(range), cgroups_(std::move(cgroups)) {
    limits_.queue_bytes = counts_are_ours ? own_queue_bytes : shared_queue_bytes;
    limits_.open_files = std::min(settings.open_files, os::most_open_files());  // only less than our own is possible
    if (!cgroups_) {
      limits_.address_space_bytes = settings.memory_bytes * 4;
      limits_.processes = settings.processes;
    }
  }

  void run(OurTrees trees) {
    enter_template_root(settings_, std::move(trees));
    begin_with_large_pids();
    kinds_ = available_kinds(settings_);
    for (const Lack& lack : lacking_kinds(settings_)) {
      log_warning("a language is not offered", {{"language", lack.language}, {"reason", lack.reason}});
    }
    environment_ = guest_environment();
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, nullptr);
    signals_ = UniqueFd(sys("watching for children", [&] { return ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK); }));
    std::string names;
    for (const Kind& kind : kinds_) {
      if (kind.birth == Birth::adopted) add_zygote(kind);
      names += (names.empty() ? "" : ",") + kind.name;
    }
    for (auto& [language, zygotes] : zygotes_) {
      if (!languages::find(language)->reads_imports) continue;
      for (const std::string& module : settings_.python_modules) zygotes.command.back() += "+" + module;
      start_zygotes(zygotes);
    }
    log_debug("sandboxes can be made", {{"kinds", names}});
    tell(Writer(Tag::hello).number<std::uint8_t>(static_cast<std::uint8_t>(cgroups_ ? cgroups_->version() : 0)).text(names));
    serve();
  }

 private:
  // OpenSSL knows by its process id that it was forked, and makes its random generator anew. A guest has a small number in
  // its own namespace, so that no zygote, whose generator it would else continue, may have a small one in ours.
  static void begin_with_large_pids() {
    const UniqueFd last(::open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC));
    if (!last || ::write(last.get(), "1000", 4) != 4) {
      log_warning("process ids begin at 1", {{"reason", std::strerror(errno)}});
    }
  }

  void add_zygote(const Kind& kind) {
    Zygotes& zygotes = zygotes_[kind.language->code];
    if (zygotes.count++ == 0) zygotes.command = kind.command;
    const size_t level = kind.name.find('/');
    if (level != kind.name.npos) zygotes.command.push_back(kind.name.substr(level + 1));
  }

  // The first time that a guest of a language is wanted, except for Python, which is there from the start.
  void start_zygotes(Zygotes& zygotes) {
    zygotes.tree = std::make_unique<ZygoteTree>(zygotes.command, zygotes.count, environment_, limits_);
    zygotes.started = Clock::now();
    zygotes.due.reset();
  }

  // A broken installation is tried for ever, but seldom.
  static void zygotes_ended(Zygotes& zygotes) {
    zygotes.tree.reset();
    const auto now = Clock::now();
    if (now - zygotes.started >= longest_pause) zygotes.pause = first_pause;
    zygotes.due = now + zygotes.pause;
    zygotes.pause = std::min<std::chrono::milliseconds>(zygotes.pause * 2, longest_pause);
  }

  // For poll(2).
  int time_to_zygotes() const {
    std::int64_t next = -1;
    for (const auto& [language, zygotes] : zygotes_) {
      if (!zygotes.due) continue;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*zygotes.due - Clock::now()).count();
      next = next < 0 ? std::max<std::int64_t>(0, left) : std::clamp<std::int64_t>(left, 0, next);
    }
    return static_cast<int>(next);
  }

  void start_zygotes_that_are_due() {
    for (auto& [language, zygotes] : zygotes_) {
      if (zygotes.due && Clock::now() >= *zygotes.due) start_zygotes(zygotes);
    }
  }

  void serve() {
    for (;;) {
      pollfd waiting[] = {{socket_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
      ::poll(waiting, 2, time_to_zygotes());
      if (waiting[1].revents != 0) reap();
      start_zygotes_that_are_due();
      if (waiting[0].revents == 0) continue;
      os::Message message;
      if (os::receive_message(socket_.get(), message) != os::Received::message) return;
      Reader reader(message.payload);
      const auto ticket = reader.number<std::uint64_t>();
      if (reader.tag() == Tag::destroy) {
        destroy(ticket);
        continue;
      }
      CHECK(reader.tag() == Tag::create);
      const std::string kind = reader.text();
      const bool awaited = reader.number<std::uint8_t>() != 0;
      try {
        create(ticket, kind, awaited);
      } catch (const Failure& failure) {
        log_warning("cannot make a sandbox", {{"kind", kind}, {"reason", failure.what()}});
        tell(Writer(Tag::refused).number(ticket).text(failure.what()));
      }
    }
  }

  // Of one that hangs: others end by themselves when the server lets go of them.
  void destroy(std::uint64_t ticket) {
    for (const auto& [pid, sandbox] : sandboxes_) {
      if (sandbox.ticket == ticket) ::kill(pid, SIGKILL);
    }
  }

  void create(std::uint64_t ticket, const std::string& name, bool awaited) {
    const auto kind = std::ranges::find(kinds_, name, &Kind::name);
    if (kind == kinds_.end()) throw Failure(FailureKind::invalid, "no such kind of sandbox: " + name);
    const bool adopted = kind->birth == Birth::adopted;
    Zygotes* const zygotes = adopted ? &zygotes_.at(kind->language->code) : nullptr;
    if (adopted && !zygotes->tree) {
      if (zygotes->due) throw Failure(FailureKind::unavailable, "the zygotes of " + name + " are starting again");
      start_zygotes(*zygotes);
    }
    SlotOnLoan loan(*this, memory_of(*kind));
    const std::uint32_t slot = loan->number;
    const os::Cgroup no_group;
    const os::Cgroup& group = loan->cgroup ? *loan->cgroup : no_group;

    auto [control, agent_control] = os::message_socket_pair();
    UniqueFd out, agent_out, err, agent_err, go, guest_go, said, guest_said, map_done, mapped, finish, finished;
    make_pipe(out, agent_out);
    make_pipe(err, agent_err);
    // So that a program may open them by name: `echo … > /dev/stderr`.
    const uid_t guest = guest_user(range_, slot);
    for (const UniqueFd* stream : {&agent_out, &agent_err}) {
      sys("giving away a pipe", [&] { return ::fchown(stream->get(), guest, guest); });
    }
    make_pipe(mapped, map_done);
    int pair[2];
    sys("making a socket pair", [&] { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair); });
    go.reset(pair[0]);
    guest_go.reset(pair[1]);
    // For good, and before any guest has its end: see guest/words.h.
    sys("shutting one direction", [&] { return ::shutdown(go.get(), SHUT_RD); });
    make_pipe(said, guest_said);
    if (adopted) make_pipe(finished, finish);

    UniqueFd process;
    const pid_t pid = fork_into_namespaces(process);
    if (pid == 0) {
      AgentDescriptors fds;
      fds.control = std::move(agent_control);
      fds.out = std::move(agent_out);
      fds.err = std::move(agent_err);
      fds.go = std::move(go);
      fds.said = std::move(said);
      if (!adopted) fds.guest_go = std::move(guest_go);
      if (!adopted) fds.guest_said = std::move(guest_said);
      fds.mapped = std::move(mapped);
      fds.finished = std::move(finish);
      fds.cgroup = group.join_descriptors();
      fds.memory_limits = group.memory_limits();
      fds.memory = {group.oom_events(), group.peak_memory(), group.oom_kills_before(), group.memory_before()};
      close_all_but(fds);
      AgentPlan plan;
      plan.birth = kind->birth;
      plan.command = with_prepared(kind->command);
      plan.compile = kind->compile;
      for (std::vector<std::string>& command : plan.compile.quick) command = with_prepared(std::move(command));
      plan.environment = environment_;
      if (awaited && kind->birth == Birth::started) plan.environment.emplace_back("KUBECODERUN_AWAITED=1");
      plan.source_name = kind->language->file;
      plan.agent_uid = range_ == IdRange::whole ? 0 : guest_id;
      plan.limits = limits_;
      plan.memory_bytes = settings_.memory_bytes;
      plan.workspace_bytes = settings_.workspace_bytes;
      plan.tmp_bytes = settings_.tmp_bytes;
      plan.workspace_files = settings_.workspace_files;
      plan.hostname = settings_.hostname;
      run_agent(plan, std::move(fds), filter_);
    }
    const auto cgroup = group.join_descriptors();
    sandboxes_.emplace(pid, Sandbox{ticket, loan.take()});
    try {
      map_sandbox(pid, range_, slot);
      sys("letting the agent go on", [&] { return ::write(map_done.get(), "m", 1); });
      const GuestEnds ends{process.get(),    finished.get(),  guest_go.get(),
                           guest_said.get(), agent_out.get(), agent_err.get()};
      if (adopted && !zygotes->tree->fork_into(kind->zygote, ends, cgroup)) {
        // One of them is gone, and only the first is a child of ours whose end we are told. With it go all the others.
        ::kill(zygotes->tree->pid(), SIGKILL);
        throw Failure(FailureKind::unavailable, "the zygotes of " + name + " are starting again");
      }
    } catch (const Failure&) {
      ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
      throw;
    }
    const int descriptors[] = {control.get(), out.get(), err.get()};
    tell(Writer(Tag::created).number(ticket), descriptors);
  }

  // A server that is gone is noticed where we read.
  void tell(const Writer& message, std::span<const int> descriptors = {}) {
    try {
      os::send_message(socket_.get(), message.bytes(), descriptors);
    } catch (const Failure& failure) {
      if (failure.kind() != FailureKind::unavailable) throw;
    }
  }

  // What belongs to us, to zygotes, to the server and to other sandboxes. The agent of one that hides there may outlive it.
  static void close_all_but(const AgentDescriptors& fds) {
    std::vector<int> kept = fds.cgroup;
    for (const UniqueFd* fd : {&fds.control, &fds.out, &fds.err, &fds.go, &fds.said, &fds.guest_go, &fds.guest_said, &fds.mapped, &fds.finished}) {
      kept.push_back(fd->get());
    }
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, fds.memory.oom_events, fds.memory.peak}) kept.push_back(fd);
    kept.insert(kept.end(), fds.memory_limits.begin(), fds.memory_limits.end());
    std::ranges::sort(kept);
    unsigned next = 0;
    for (const int fd : kept) {
      if (fd < 0) continue;
      const auto number = static_cast<unsigned>(fd);
      if (number > next) ::syscall(SYS_close_range, next, number - 1, 0u);
      next = number + 1;
    }
    ::syscall(SYS_close_range, next, ~0u, 0u);
  }

  // One that was used before, else a new one. A place that cannot be used, because something of others is in it, is passed over.
  Slot take_slot(std::uint64_t memory_bytes) {
    std::string reason = "too many sandboxes";
    for (size_t i = 0, used = free_slots_.size(); i < used; ++i) {
      Slot slot = std::move(free_slots_.front());
      free_slots_.pop_front();
      if (!slot.cgroup || slot.cgroup->renew(memory_bytes)) return slot;
      free_slots_.push_back(std::move(slot));  // whoever is inside is dying
    }
    for (int attempt = 0; attempt < slots_tried && next_slot_ < most_slots; ++attempt) {
      Slot slot(next_slot_++);
      try {
        if (cgroups_) slot.cgroup.emplace(make_cgroup(slot.number, memory_bytes));
        return slot;
      } catch (const Failure& failure) {
        reason = failure.what();
        log_warning("a place for sandboxes cannot be used", {{"slot", slot.number}, {"reason", reason}});
      }
    }
    throw Failure(FailureKind::unavailable, reason);
  }

  // Gives it back unless it was taken.
  class SlotOnLoan {
   public:
    SlotOnLoan(Sandboxd& owner, std::uint64_t memory_bytes) : owner_(owner), slot_(owner.take_slot(memory_bytes)) {}
    SlotOnLoan(SlotOnLoan&&) = delete;
    ~SlotOnLoan() {
      if (slot_) owner_.free_slots_.push_front(std::move(*slot_));
    }
    const Slot* operator->() const { return &*slot_; }
    Slot take() { return std::move(*std::exchange(slot_, std::nullopt)); }

   private:
    Sandboxd& owner_;
    std::optional<Slot> slot_;
  };

  // At first: a compiler may have more than its program.
  std::uint64_t memory_of(const Kind& kind) const {
    return kind.compile.empty() ? settings_.memory_bytes : std::max(settings_.memory_bytes, settings_.compiler_memory_bytes);
  }

  os::Cgroup make_cgroup(std::uint32_t slot, std::uint64_t memory_bytes) const {
    os::CgroupLimits limits;
    limits.memory_bytes = memory_bytes;
    limits.processes = settings_.processes;
    return cgroups_->create("sandbox-" + std::to_string(slot), limits);
  }

  static void make_pipe(UniqueFd& read_end, UniqueFd& write_end) {
    int ends[2];
    sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }

  // As process 1 of our namespace we get every orphan; agents and the zygote are those we know.
  void reap() {
    signalfd_siginfo drained[16];
    while (::read(signals_.get(), drained, sizeof drained) > 0) {
    }
    int status;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto zygotes = std::ranges::find_if(
          zygotes_, [pid](const auto& entry) { return entry.second.tree && entry.second.tree->pid() == pid; });
      if (zygotes != zygotes_.end()) {
        zygotes_ended(zygotes->second);
        log_error(
            "zygotes ended and are started again", {{"language", std::string(zygotes->first)},
                                                    {"status", status},
                                                    {"in_ms", time_to_zygotes()}});
        continue;
      }
      const auto sandbox = sandboxes_.find(pid);
      if (sandbox == sandboxes_.end()) continue;
      const std::uint64_t ticket = sandbox->second.ticket;
      free_slots_.push_back(std::move(sandbox->second.slot));
      sandboxes_.erase(sandbox);
      tell(Writer(Tag::gone).number(ticket));
    }
  }

  const SandboxdSettings& settings_;
  UniqueFd socket_, signals_;
  IdRange range_;
  std::optional<os::CgroupTree> cgroups_;
  GuestLimits limits_;
  SeccompFilter filter_;
  std::vector<Kind> kinds_;
  std::vector<std::string> environment_;
  std::map<std::string_view, Zygotes> zygotes_;  // by language
  std::map<pid_t, Sandbox> sandboxes_;
  std::deque<Slot> free_slots_;  // that were used before
  std::uint32_t next_slot_ = 0;
};

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
  struct stat info {};
  if (::fstat(STDIN_FILENO, &info) == 0 && S_ISFIFO(info.st_mode)) return;
  const UniqueFd null(sys("opening /dev/null", [] { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }));
  sys("leaving standard input", [&] { return ::dup2(null.get(), STDIN_FILENO); });
}

void take_trees(const SandboxdSettings& settings, OurTrees& trees) {
  if (!trees.runtimes) trees.runtimes = take_tree(settings.runtimes);
  if (settings.prepared.empty() || trees.prepared) return;
  try {
    trees.prepared = take_prepared(settings.prepared);
  } catch (const Failure& failure) {
    log_warning("what is prepared anew will not be used", {{"reason", failure.what()}});
  }
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
      // Never destroyed: with this process the kernel ends every sandbox, and only then can their cgroups go, which
      // the waiting parent sees to.
      auto* daemon = new Sandboxd(
          settings, std::move(socket), range == 'w' ? IdRange::whole : IdRange::single, std::move(cgroups), counts_are_ours);
      daemon->run(std::move(trees));
      ::_exit(0);
    } catch (const std::exception& error) {
      refuse(listener, error.what());
    }
  } catch (...) {
  }
  ::_exit(1);
}

}  // namespace

int sandboxd_main(const SandboxdSettings& settings, UniqueFd socket) {
  keep_only_a_pipe_as_input();
  // The server closing its end is our only way to be told to stop; a Ctrl-C at the terminal is for the supervisor.
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  os::raise_open_files(65536);
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
    UniqueFd process, mapped, map_done;
    int ends[2];
    sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
    mapped.reset(ends[0]);
    map_done.reset(ends[1]);
    const pid_t pid = fork_into_namespaces(process);
    if (pid == 0) {
      map_done.reset();
      std::optional<os::CgroupTree> copy;
      if (cgroups) copy.emplace(std::move(*cgroups)).leave_ownership();  // it is ours who wait for the end
      run_inside(settings, std::move(socket), std::move(mapped), std::move(trees), std::move(copy), counts_are_ours);
    }
    socket.reset();
    mapped.reset();
    trees = {};
    const char range = map_sandboxd(pid) == IdRange::whole ? 'w' : 's';
    sys("letting sandboxd go on", [&] { return ::write(map_done.get(), &range, 1); });
    map_done.reset();
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (cgroups) cgroups->remove();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  } catch (const std::exception& error) {
    if (socket) refuse(socket.get(), error.what());
    else log_error("cannot run code on this host", {{"reason", error.what()}});
    if (cgroups) cgroups->remove();
    return 1;
  }
}

}  // namespace ci::sandbox
