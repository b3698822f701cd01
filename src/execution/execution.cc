#include "execution/execution.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <algorithm>

#include "base/log.h"
#include "base/parallel.h"
#include "execution/collect.h"
#include "execution/mounts.h"
#include "execution/resolve.h"
#include "execution/state_step.h"
#include "languages/language.h"

namespace ci::execution {

namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t microseconds_since(Clock::time_point begin) {
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  return static_cast<std::uint64_t>(time.count());
}

class Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

pool::Demand demand_of(const ExecutionRequest& request, std::vector<std::string> imports) {
  const languages::Language* language = languages::find(request.language);
  if (language != nullptr && language->reads_imports) std::ranges::move(languages::python_imports(request.code), std::back_inserter(imports));
  return pool::Demand(request.language, std::move(imports), request.queue);
}

// Until the program has ended.
awaitable<pool::Outcome> follow(pool::Lease& lease, Capture& out, Capture& err, std::optional<pool::Compiled>& compiled) {
  for (;;) {
    pool::Event event = co_await lease.next();
    if (const auto* output = std::get_if<pool::Output>(&event)) {
      Capture& stream = output->stream == pool::Stream::out ? out : err;
      co_await stream.add(output->bytes);
    } else if (auto* made = std::get_if<pool::Compiled>(&event)) {
      compiled.emplace(std::move(*made));
    } else if (const auto* outcome = std::get_if<pool::Outcome>(&event)) {
      co_return *outcome;
    }
  }
}

// A sandbox that hangs is no better than one that is gone.
awaitable<pool::Outcome> follow_until(
    Deadline deadline, pool::Lease& lease, Capture& out, Capture& err, std::optional<pool::Compiled>& compiled) {
  std::optional<pool::Outcome> outcome = co_await until(deadline, follow(lease, out, err, compiled));
  if (outcome) co_return std::move(*outcome);
  log_error("a sandbox did not tell the end of its program");
  pool::Outcome lost;
  lost.ended = pool::Ended::lost;
  co_return lost;
}

// Until there are no more files.
awaitable<bool> collect(pool::Lease& lease, Collector& collector) {
  for (;;) {
    pool::Event event = co_await lease.next();
    if (auto* collected = std::get_if<pool::Collected>(&event)) {
      collector.take(std::move(*collected));
      co_return true;
    }
    if (auto* file = std::get_if<pool::OutputFile>(&event)) co_await collector.take(std::move(*file));
  }
}

// Of a stream of which the client only gets the beginning. Returns the name of the file that has all of it.
awaitable<std::optional<std::string>> keep_whole(Capture& stream, std::string name, Collector& collector) {
  if (!stream.cut()) co_return std::nullopt;
  std::unique_ptr<ByteSource> body = co_await stream.whole().take();
  if (!body) co_return std::nullopt;
  co_return collector.add(name, std::move(body), stream.whole().size());
}

struct Leased {
  Leased() = default;
  std::unique_ptr<pool::Lease> lease;
  std::uint64_t time = 0;
};

awaitable<Leased> acquire(pool::SandboxPool& pool, pool::Demand demand, Deadline deadline) {
  const auto begin = Clock::now();
  Leased leased;
  leased.lease = co_await pool.acquire(std::move(demand), deadline);
  leased.time = microseconds_since(begin);
  co_return leased;
}

}  // namespace

// What can be done without a sandbox.
struct Executions::Prepared {
  Prepared() = default;
  files::Session session;
  std::string name_digest;
  bool continued = false;
  MountedFiles files;
  std::vector<store::Write> writes;  // the session's
  std::uint64_t time = 0;
};

Executions::Executions(
    pool::SandboxPool& pool, files::Sessions& sessions, files::SessionFiles& files, asio::thread_pool& blocking,
    const ExecutionSettings& settings)
    : pool_(pool),
      sessions_(sessions),
      files_(files),
      blocking_(blocking),
      settings_(settings),
      gate_(settings.concurrent),
      compile_cache_(settings.compile_cache) {}

awaitable<Executions::Prepared> Executions::prepare(
    const ExecutionRequest& request, Resolution resolution, StateStep& state) {
  const auto begin = Clock::now();
  Prepared prepared;
  prepared.session = std::move(resolution.session);
  prepared.name_digest = std::move(resolution.name_digest);
  prepared.continued = resolution.continued;
  prepared.writes =
      resolution.continued ? sessions_.touch(prepared.session) : sessions_.writes_for(prepared.session);
  std::ranges::move(resolution.touches, std::back_inserter(prepared.writes));
  prepared.files = co_await mount_files(files_, request, prepared.session, resolution.continued, settings_);
  std::vector<store::Write> kept = co_await state.open();
  std::ranges::move(kept, std::back_inserter(prepared.writes));
  prepared.time = microseconds_since(begin);
  co_return prepared;
}

// The time for compiling, or the program itself when it was compiled before. Returns what it is kept under, if it may be.
std::optional<std::string> Executions::prepare_compile(const ExecutionRequest& request, pool::Program& program) {
  const auto* language = languages::find(request.language);
  if (language == nullptr) return std::nullopt;
  program.compile_limit = language->compile_limit(settings_.longest_run);
  if (!program.inputs.empty()) return std::nullopt;  // a compiler may have read them
  auto key = compile_cache_.key(*language, request.code);
  if (!key) return std::nullopt;
  program.compiled = compile_cache_.find(*key);
  if (program.compiled) program.compile_limit = std::chrono::milliseconds(0);
  else program.largest_compiled = compile_cache_.largest();
  return key;
}

awaitable<ExecutionResult> Executions::run(ExecutionRequest request, OnPhase on_phase, OnOutput on_output) {
  ExecutionResult result;
  if (!settings_.named_sessions) request.session_name.clear();
  auto begin = Clock::now();
  const auto step = [&](const char* name) {
    result.steps.emplace_back(name, microseconds_since(begin));
    begin = Clock::now();
  };
  Resolution resolution = co_await resolve_session(sessions_, request, settings_.strict_ownership);
  // Its turn ends with it: after the answer is complete.
  StateStep state(states_, turns_, request.language);
  // Another request may have been given a session of the same name just now, and may find this one by its entity once
  // it is stored, which is before the program ends.
  const bool hidden = resolution.name_digest.empty() && resolution.session.entity.empty();
  const bool fresh = !resolution.continued && hidden;
  const std::string session = resolution.session.id;
  if (on_phase) on_phase(Phase::turn, session);
  co_await state.enter(resolution.session, fresh, after(settings_.turn_timeout));
  step("resolve");
  if (on_phase) on_phase(Phase::sandbox, session);
  // Who may run for long can wait for long, while others have what is to be waited for.
  const Deadline longest_wait = after(std::max<std::chrono::milliseconds>(settings_.acquire_timeout, request.time_limit));
  const Gate::Pass pass = co_await gate_.enter(request.queue, longest_wait);
  const Deadline deadline = after(settings_.acquire_timeout);
  const Counted counted(running_);
  step("admit");

  // A sandbox and the files to put into it, at the same time.
  pool::Demand demand = demand_of(request, state.modules());
  demand.longest_wait = longest_wait;
  auto [leased, prepared] = co_await both(acquire(pool_, demand, deadline), prepare(request, std::move(resolution), state));
  if (!leased.lease->waits()) {
    // It ended while files were fetched.
    log_warning("a sandbox ended before its program came", {{"language", request.language}});
    leased.lease.reset();
    Leased other = co_await acquire(pool_, std::move(demand), after(settings_.acquire_timeout));
    other.time += leased.time;
    leased = std::move(other);
  }
  result.steps.emplace_back("acquire", leased.time);
  result.steps.emplace_back("prepare", prepared.time);
  result.session = prepared.session.id;
  result.session_name_digest = prepared.name_digest;
  result.session_existed = prepared.continued;
  begin = Clock::now();

  pool::Program program;
  program.code = request.code;
  program.arguments = request.arguments;
  program.inputs = std::move(prepared.files.inputs);
  program.time_limit = request.time_limit;
  const auto compile_key = prepare_compile(request, program);
  if (program.compiled) result.steps.emplace_back("cached", 0);
  program.state = state.files();
  program.output_file_limit = settings_.file_bytes;
  // Inputs and names that nobody wants come among the candidates, and must not crowd out the others.
  program.output_file_count = static_cast<std::uint32_t>(prepared.files.mounts.size()) + 1000;
  const auto allowed = program.time_limit + program.compile_limit + settings_.overtime;
  pool::Lease& lease = *leased.lease;
  co_await lease.start(std::move(program));
  step("start");

  std::ranges::move(
      writes_for_mounts(files_, prepared.files, prepared.session), std::back_inserter(prepared.writes));

  // The session becomes durable while the program runs. Only then may the answer begin: a store that fails is a refusal.
  const auto put_on_record = [&]() -> awaitable<bool> {
    if (!prepared.writes.empty()) co_await files_.commit(std::move(prepared.writes));
    if (on_phase) on_phase(Phase::running, session);
    co_return true;
  };
  const auto codes = settings_.keep_terminal_codes ? TerminalText::Codes::kept : TerminalText::Codes::applied;
  const TerminalText text(codes, settings_.output);
  const auto whole = [&] {
    return LongOutput(settings_.spool_directory, settings_.keep_long_output ? settings_.file_bytes : 0, blocking_);
  };
  Capture out(pool::Stream::out, text, whole(), on_output);
  Capture err(pool::Stream::err, text, whole(), on_output);
  std::optional<pool::Compiled> compiled;
  const Deadline longest = after(allowed);
  auto [outcome, committed] =
      co_await both(follow_until(longest, lease, out, err, compiled), put_on_record());
  if (compiled && compile_key) compile_cache_.keep(*compile_key, std::move(compiled->program), compiled->size);
  result.outcome = std::move(outcome);
  step("run");

  // From here on nothing is abandoned half way: a client that leaves now costs less than bodies without records.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  result.out = out.finish();
  result.out_cut = out.cut();
  result.err = explain(err.finish(), result.outcome, request.time_limit);
  std::vector<Unmounted> unmounted = std::move(prepared.files.unmounted);
  for (Mount& mount : prepared.files.mounts) {
    if (std::ranges::find(result.outcome.unplaced, mount.name.text()) == result.outcome.unplaced.end()) continue;
    mount.missing = true;
    unmounted.push_back({mount.name.text(), Unmounted::Reason::room});
  }
  result.err = with_line(std::move(result.err), describe_unmounted(unmounted, settings_.workspace_bytes));

  Collector collector(request, prepared.files, settings_, files_, blocking_);
  std::string lost;
  try {
    if (result.outcome.ended != pool::Ended::lost) {
      const auto collected = co_await until(after(settings_.collect_timeout), collect(lease, collector));
      if (!collected) lost = "it took too long";
    }
  } catch (const std::exception& error) {
    lost = error.what();
  }
  if (!lost.empty()) {
    log_warning("files of a run are lost", {{"session_id", result.session}, {"reason", lost}});
    collector.take(pool::Collected());
  }
  const auto whole_out = co_await keep_whole(out, "stdout.txt", collector);
  if (whole_out) result.err = with_line(std::move(result.err), "stdout was cut; all of it is in the file " + *whole_out);
  co_await keep_whole(err, "stderr.txt", collector);
  step("collect");
  auto [stored, summary] = co_await both(collector.store(result.session), state.settle(result.outcome));
  result.files = std::move(stored);
  result.state = std::move(summary);
  result.err = with_line(
      std::move(result.err), collector.left_out().line(settings_.output_files, settings_.file_bytes));
  result.truncation = collector.left_out().truncation();
  result.delivery = collector.delivery();
  result.deleted = collector.deleted();
  co_await collector.remember_removed(result.session);
  step("store");
  co_return result;
}

}  // namespace ci::execution
