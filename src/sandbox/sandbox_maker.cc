#include "sandbox/sandbox_maker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/log.h"
#include "base/sys.h"
#include "os/cgroup.h"
#include "os/message_socket.h"
#include "os/open_files.h"
#include "sandbox/agent.h"
#include "sandbox/child_watch.h"
#include "sandbox/id_maps.h"
#include "sandbox/kinds.h"
#include "sandbox/namespaces.h"
#include "sandbox/own_packages.h"
#include "sandbox/package_set.h"
#include "sandbox/slots.h"
#include "sandbox/template_root.h"
#include "sandbox/wire.h"
#include "sandbox/zygotes.h"

namespace ci::sandbox {

namespace {

constexpr int dying_look = 50;  // milliseconds

// POSIX message queues of a sandbox: three of the usual size, or one, where all sandboxes have 800 KB together.
constexpr std::uint64_t own_queue_bytes = 256 << 10, shared_queue_bytes = 96 << 10;

// A sandbox that the server has asked for.
struct Wanted {
  std::uint64_t ticket;
  std::string kind;
  bool awaited;
};

struct Sandbox {
  std::uint64_t ticket;
  Slot slot;
};

class Maker {
 public:
  Maker(
      const SandboxdSettings& settings, UniqueFd socket, IdRange range, std::optional<os::CgroupTree> cgroups,
      const Isolation& isolation, bool counts_are_ours)
      : settings_(settings),
        socket_(std::move(socket)),
        range_(range),
        cgroups_(std::move(cgroups)),
        isolation_(isolation),
        filter_(this_processor, isolation.contained() ? Sessions::one : Sessions::any),
        slots_(cgroups_ ? &*cgroups_ : nullptr, settings.processes) {
    limits_.contained = isolation.contained();
    limits_.queue_bytes = counts_are_ours ? own_queue_bytes : shared_queue_bytes;
    limits_.open_files = std::min(settings.open_files, os::most_open_files());  // only less than our own is possible
    if (!cgroups_) {
      limits_.address_space_bytes = settings.memory_bytes * 4;
      limits_.processes = settings.processes;
      if (isolation.contained()) {
        limits_.address_space_bytes += 4ull << 30;  // what is used is looked at
        limits_.processes = 0;
      }
    }
  }

  void run(OurTrees trees) {
    if (isolation_.contained()) {
      sys("waiting for orphans", [] { return ::prctl(PR_SET_CHILD_SUBREAPER, 1); });
    } else {
      enter_template_root(settings_, trees);
      begin_with_large_pids();
    }
    kinds_ = available_kinds(settings_);
    for (const Lack& lack : lacking_kinds(settings_)) {
      log_warning("a language is not offered", {{"language", lack.language}, {"reason", lack.reason}});
    }
    environment_ = guest_environment();
    make_sets(trees.sets);
    trees = {};
    const std::filesystem::path packages = isolation_.contained() ? settings_.packages : packages_mount;
    add_package_paths(environment_, std::span(&packages, 1));
    children_.begin();
    std::string names, sets;
    for (const Kind& kind : kinds_) names += (names.empty() ? "" : ",") + kind.name;
    for (const auto& [name, set] : sets_) sets += (sets.empty() ? "" : ",") + name;
    each_zygotes([this](Zygotes& zygotes) {
      for (const Kind& kind : kinds_) {
        if (kind.birth == Birth::adopted && !isolation_.contained()) zygotes.add(kind);
      }
      zygotes.preload(settings_.python_modules);
    });
    zygotes_.start_first();
    log_debug("sandboxes can be made", {{"kinds", names}});
    tell(Writer(Tag::hello)
             .number<std::uint8_t>(static_cast<std::uint8_t>(cgroups_ ? cgroups_->version() : 0))
             .text(names)
             .number<std::uint8_t>(isolation_.contained())
             .text(sets));
    serve();
  }

 private:
  void make_sets(const std::map<std::string, UniqueFd>& trees) {
    for (const auto& [name, tree] : trees) {
      if (!tree) continue;
      try {
        sets_.try_emplace(name, tree, environment_, limits_);
      } catch (const std::exception& error) {
        log_warning("a set of packages will not be found", {{"set", name}, {"reason", error.what()}});
      }
    }
  }

  void each_zygotes(const auto& work) {
    work(zygotes_);
    for (auto& [name, set] : sets_) work(set.zygotes());
  }

  // OpenSSL knows by its process id that it was forked, and makes its random generator anew. A guest has a small number in
  // its own namespace, so that no zygote, whose generator it would else continue, may have a small one in ours.
  static void begin_with_large_pids() {
    const UniqueFd last(::open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC));
    if (!last || ::write(last.get(), "1000", 4) != 4) {
      log_warning("process ids begin at 1", {{"reason", std::strerror(errno)}});
    }
  }

  void serve() {
    for (;;) {
      make_what_is_wanted();
      pollfd waiting[] = {{socket_.get(), POLLIN, 0}, {children_.descriptor(), POLLIN, 0}};
      ::poll(waiting, 2, time_to_next_look());
      if (waiting[1].revents != 0) reap();
      let_the_dying_go();
      each_zygotes([](Zygotes& zygotes) { zygotes.do_due(); });
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
      std::string kind = reader.text();
      wanted_.push_back({ticket, std::move(kind), reader.number<std::uint8_t>() != 0});
    }
  }

  // The workspace of a container is that of one sandbox after the other.
  void make_what_is_wanted() {
    while (!wanted_.empty() && (!isolation_.contained() || sandboxes_.empty())) {
      const Wanted next = std::move(wanted_.front());
      wanted_.pop_front();
      try {
        create(next.ticket, next.kind, next.awaited);
      } catch (const Failure& failure) {
        log_warning("cannot make a sandbox", {{"kind", next.kind}, {"reason", failure.what()}});
        tell(Writer(Tag::refused).number(next.ticket).text(failure.what()));
      }
    }
  }

  // Of one that hangs: others end by themselves when the server lets go of them.
  void destroy(std::uint64_t ticket) {
    for (const auto& [pid, sandbox] : sandboxes_) {
      if (sandbox.ticket != ticket) continue;
      ::kill(pid, SIGKILL);
      dying_.insert(pid);
    }
    let_the_dying_go();
  }

  // The end of an agent is that of all in its sandbox, but who stands still does not end. Until it is over, since the agent may have
  // been about to freeze them when it was killed.
  void let_the_dying_go() {
    for (const pid_t pid : dying_) {
      const auto& group = sandboxes_.at(pid).slot.cgroup;
      if (group && group->freezer()) group->freezer().thaw();
    }
  }

  // For poll(2).
  int time_to_next_look() {
    int next = dying_.empty() ? -1 : dying_look;
    each_zygotes([&next](const Zygotes& zygotes) {
      const int time = zygotes.time_to_next();
      if (time >= 0) next = next < 0 ? time : std::min(next, time);
    });
    return next;
  }

  void create(std::uint64_t ticket, const std::string& name, bool awaited) {
    const auto [plain_name, set_name] = parts_of_kind(name);
    const auto kind = std::ranges::find(kinds_, plain_name, &Kind::name);
    const auto set = sets_.find(set_name);
    if (kind == kinds_.end() || (!set_name.empty() && set == sets_.end())) {
      throw Failure(FailureKind::invalid, "no such kind of sandbox: " + name);
    }
    const std::vector<std::string>& environment = set == sets_.end() ? environment_ : set->second.environment();
    Zygotes& all_zygotes = set == sets_.end() ? zygotes_ : set->second.zygotes();
    const bool adopted = kind->birth == Birth::adopted && !isolation_.contained();  // else by a zygote of its own
    ZygoteTree* const zygotes = adopted ? &all_zygotes.of(*kind) : nullptr;
    Slots::Loan loan(slots_, memory_of(*kind));
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
      if (!isolation_.contained()) sys("giving away a pipe", [&] { return ::fchown(stream->get(), guest, guest); });
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
    std::optional<InRoot> root;  // it gets a copy of that
    if (set != sets_.end()) root.emplace(set->second.root());
    const pid_t pid = isolation_.contained() ? fork_beside(process) : fork_into_namespaces(Groups::own, process);
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
      fds.memory = {
          group.oom_events(), group.peak_memory(), group.oom_kills_before(), group.memory_before(),
          group.memory_of_others()};
      fds.freezer = group.freezer();
      close_all_but(fds);
      AgentPlan plan;
      plan.birth = kind->birth;
      plan.isolation = isolation_;
      plan.zygote = kind->zygote;
      plan.command = with_prepared(
          isolation_.contained() ? with_own_zygotes(*kind, kinds_, settings_.python_modules) : kind->command);
      plan.compile = kind->compile;
      for (std::vector<std::string>& command : plan.compile.quick) command = with_prepared(std::move(command));
      plan.environment = environment;
      if (awaited && kind->birth == Birth::started) plan.environment.emplace_back("KUBECODERUN_AWAITED=1");
      plan.source_name = kind->language->file;
      plan.agent_uid = range_ == IdRange::whole ? 0 : guest_id;
      plan.limits = limits_;
      plan.memory_bytes = settings_.memory_bytes;
      plan.first_memory_bytes = memory_of(*kind);
      plan.processes = settings_.processes;
      plan.workspace_bytes = settings_.workspace_bytes;
      plan.tmp_bytes = settings_.tmp_bytes;
      plan.workspace_files = settings_.workspace_files;
      plan.hostname = settings_.hostname;
      run_agent(plan, std::move(fds), filter_);
    }
    root.reset();
    const auto cgroup = group.join_descriptors();
    sandboxes_.emplace(pid, Sandbox{ticket, loan.take()});
    try {
      if (!isolation_.contained()) map_sandbox(pid, range_, slot);
      sys("letting the agent go on", [&] { return ::write(map_done.get(), "m", 1); });
      const GuestEnds ends{process.get(),    finished.get(),  guest_go.get(),
                           guest_said.get(), agent_out.get(), agent_err.get()};
      if (adopted && !zygotes->fork_into(kind->zygote, ends, cgroup)) {
        all_zygotes.give_up(*kind);
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
    for (const UniqueFd* fd :
         {&fds.control, &fds.out, &fds.err, &fds.go, &fds.said, &fds.guest_go, &fds.guest_said, &fds.mapped,
          &fds.finished}) {
      kept.push_back(fd->get());
    }
    for (const int fd :
         {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, fds.memory.oom_events, fds.memory.peak, fds.freezer.file})
      kept.push_back(fd);
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

  // At first: a compiler may have more than its program.
  std::uint64_t memory_of(const Kind& kind) const {
    return kind.compile.empty() ? settings_.memory_bytes
                                : std::max(settings_.memory_bytes, settings_.compiler_memory_bytes);
  }

  static void make_pipe(UniqueFd& read_end, UniqueFd& write_end) {
    int ends[2];
    sys("making a pipe", [&] { return ::pipe2(ends, O_CLOEXEC); });
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }

  // As process 1 of our namespace we get every orphan; agents and the zygote are those we know.
  void reap() {
    children_.drain();
    int status;
    for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      bool of_zygotes = false;
      each_zygotes([&](Zygotes& zygotes) { of_zygotes = of_zygotes || zygotes.ended(pid, status); });
      if (of_zygotes) continue;
      const auto sandbox = sandboxes_.find(pid);
      if (sandbox == sandboxes_.end()) continue;
      if (isolation_.contained()) end_orphans();
      const std::uint64_t ticket = sandbox->second.ticket;
      dying_.erase(pid);
      slots_.give_back(std::move(sandbox->second.slot));
      sandboxes_.erase(sandbox);
      tell(Writer(Tag::gone).number(ticket));
    }
  }

  // What an agent that was killed has left comes to us. Its process group is all of it (Sessions::one).
  void end_orphans() {
    std::ifstream children("/proc/self/task/" + std::to_string(::getpid()) + "/children");
    for (pid_t child; children >> child;) {
      if (!sandboxes_.contains(child) && ::getpgid(child) != ::getpgrp()) ::kill(-::getpgid(child), SIGKILL);
    }
  }

  const SandboxdSettings& settings_;
  UniqueFd socket_;
  ChildWatch children_;
  IdRange range_;
  std::optional<os::CgroupTree> cgroups_;
  Isolation isolation_;
  GuestLimits limits_;
  SeccompFilter filter_;
  std::vector<Kind> kinds_;
  std::vector<std::string> environment_;
  Zygotes zygotes_{environment_, limits_};
  std::map<std::string, PackageSet, std::less<>> sets_;  // by name
  std::deque<Wanted> wanted_;
  std::map<pid_t, Sandbox> sandboxes_;
  std::set<pid_t> dying_;  // of sandboxes_: those that were killed and are still there
  Slots slots_;
};

}  // namespace

void make_sandboxes(const SandboxdSettings& settings, MakerParts parts) {
  auto* maker = new Maker(
      settings, std::move(parts.socket), parts.range, std::move(parts.cgroups), parts.isolation, parts.counts_are_ours);
  maker->run(std::move(parts.trees));
}

}  // namespace ci::sandbox
