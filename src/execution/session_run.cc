#include "execution/session_run.h"

#include <algorithm>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/parallel.h"
#include "execution/missing_package.h"
#include "execution/shape.h"
#include "languages/language.h"
#include "os/source_file.h"

namespace ci::execution {

namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t microseconds_since(Clock::time_point begin) {
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  return static_cast<std::uint64_t>(time.count());
}

Capture make_capture(const Engine& engine, pool::Stream stream) {
  const ExecutionSettings& settings = engine.settings;
  const auto codes = settings.keep_terminal_codes ? TerminalText::Codes::kept : TerminalText::Codes::applied;
  const std::uint64_t most = settings.keep_long_output ? settings.file_bytes : 0;
  return Capture(
      stream, TerminalText(codes, settings.output), LongOutput(settings.spool_directory, most, engine.blocking));
}

// Of a stream of which the client only gets the beginning. Returns the name of the file that has all of it.
awaitable<std::optional<std::string>> keep_whole(Capture& stream, std::string name, Collector& collector) {
  if (!stream.cut()) co_return std::nullopt;
  std::unique_ptr<ByteSource> body = co_await stream.whole().take();
  if (!body) co_return std::nullopt;
  co_return collector.add(name, std::move(body), stream.whole().size());
}

}  // namespace

class SessionRun::Counted {
 public:
  explicit Counted(std::size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  std::size_t& count_;
};

struct SessionRun::Leased {
  Leased() = default;
  std::unique_ptr<pool::Lease> lease;
  std::uint64_t time = 0;
};

SessionRun::SessionRun(Engine& engine, ExecutionRequest& request, Run& run)
    : engine_(engine),
      request_(request),
      run_(run),
      state_(engine.states, engine.turns, request.language, engine.blocking),
      out_(make_capture(engine, pool::Stream::out)),
      err_(make_capture(engine, pool::Stream::err)) {}

SessionRun::~SessionRun() = default;

awaitable<ExecutionResult> SessionRun::perform() {
  co_await resolve();
  co_await admit();
  co_await take_sandbox();
  co_await run();
  co_await finish();
  co_return std::move(result_);
}

void SessionRun::step(const char* name) {
  result_.steps.emplace_back(name, microseconds_since(step_begin_));
  step_begin_ = Clock::now();
}

// --- before the program ------------------------------------------------------------------------------------------------

awaitable<void> SessionRun::resolve() {
  if (!engine_.settings.named_sessions) request_.session_name.clear();
  Resolution resolution = co_await resolve_session(engine_.sessions, request_, engine_.settings.strict_ownership);
  resolution_ = std::move(resolution);
  result_.session = resolution_.session.id;
  result_.session_name_digest = resolution_.name_digest;
  result_.session_existed = resolution_.continued;
  // Another request may have been given a session of the same name just now, and may find this one by its entity once
  // it is stored, which is before the program ends.
  const bool hidden = resolution_.name_digest.empty() && resolution_.session.entity.empty();
  const bool fresh = !resolution_.continued && hidden;
  run_.enter(Phase::turn, result_.session);
  co_await state_.enter(resolution_.session, fresh, after(engine_.settings.turn_timeout));
  step("resolve");
}

awaitable<void> SessionRun::admit() {
  run_.enter(Phase::sandbox, result_.session);
  // Who may run for long can wait for long, while others have what is to be waited for.
  longest_wait_ = after(std::max<std::chrono::milliseconds>(engine_.settings.acquire_timeout, request_.time_limit));
  Gate::Pass pass = co_await engine_.gate.enter(request_.queue, longest_wait_);
  pass_.emplace(std::move(pass));
  counted_ = std::make_unique<Counted>(engine_.running);
  step("admit");
}

awaitable<SessionRun::Leased> SessionRun::acquire(pool::SandboxPool& pool, pool::Demand demand, Deadline deadline) {
  const auto begin = Clock::now();
  Leased leased;
  leased.lease = co_await pool.acquire(std::move(demand), deadline);
  leased.time = microseconds_since(begin);
  co_return leased;
}

// What can be done without a sandbox. Returns the microseconds that it took.
awaitable<std::uint64_t> SessionRun::prepare() {
  const auto begin = Clock::now();
  files::Session& session = resolution_.session;
  writes_ = resolution_.continued ? engine_.sessions.touch(session) : engine_.sessions.writes_for(session);
  std::ranges::move(resolution_.touches, std::back_inserter(writes_));
  mounted_ = co_await mount_files(engine_.files, request_, session, resolution_.continued, engine_.settings);
  std::vector<store::Write> kept = co_await state_.open();
  std::ranges::move(kept, std::back_inserter(writes_));
  co_return microseconds_since(begin);
}

// A sandbox and the files to put into it, at the same time.
awaitable<void> SessionRun::take_sandbox() {
  pool::Demand demand = demand_for(request_.language, request_.code, state_.modules(), request_.queue);
  demand.longest_wait = longest_wait_;
  demand.packages = request_.packages;
  const Deadline deadline = after(engine_.settings.acquire_timeout);
  auto [leased, prepare_time] = co_await both(acquire(engine_.pool, demand, deadline), prepare());
  if (!leased.lease->waits()) {
    // It ended while files were fetched.
    log_warning("a sandbox ended before its program came", {{"language", request_.language}});
    leased.lease.reset();
    Leased other = co_await acquire(engine_.pool, std::move(demand), after(engine_.settings.acquire_timeout));
    other.time += leased.time;
    leased = std::move(other);
  }
  lease_ = std::move(leased.lease);
  result_.found_warm = lease_->was_warm();
  result_.steps.emplace_back("acquire", leased.time);
  result_.steps.emplace_back("prepare", prepare_time);
  step_begin_ = Clock::now();
}

pool::Program SessionRun::make_program() {
  pool::Program program;
  program.code = std::move(request_.code);
  program.arguments = std::move(request_.arguments);
  program.inputs = std::move(mounted_.inputs);
  program.time_limit = request_.time_limit;
  program.memory_limit = request_.memory_limit;
  program.calls = request_.calls;
  find_compiled(program);
  program.state = state_.wish();
  program.output_file_limit = engine_.settings.file_bytes;
  // Inputs and names that nobody wants come among the candidates, and must not crowd out the others.
  program.output_file_count = static_cast<std::uint32_t>(mounted_.mounts.size()) + 1000;
  return program;
}

// The time for compiling, or the program itself when it was compiled before.
void SessionRun::find_compiled(pool::Program& program) {
  const auto* language = languages::find(request_.language);
  if (language == nullptr) return;
  program.compile_limit = language->compile_limit(engine_.settings.longest_run);
  if (!program.inputs.empty()) return;  // a compiler may have read them
  compile_key_ = engine_.compile_cache.key(*language, program.code, request_.packages);
  if (!compile_key_) return;
  if (UniqueFd known = engine_.compile_cache.find(*compile_key_)) {
    program.compiled = std::make_unique<FileSource>(std::move(known), engine_.blocking);
    program.compile_limit = std::chrono::milliseconds(0);
    result_.steps.emplace_back("cached", 0);
  } else {
    program.largest_compiled = engine_.compile_cache.largest();
  }
}

// --- the program -------------------------------------------------------------------------------------------------------

// The session becomes durable while the program runs. Only then may the answer begin: a store that fails is a refusal.
awaitable<void> SessionRun::run() {
  begun_.emplace(co_await asio::this_coro::executor);
  pool::Program program = make_program();
  const auto overtime = engine_.settings.overtime;
  auto [ran, committed] = co_await both(run_program(*lease_, std::move(program), *this, overtime), commit());
  if (ran.compiled && compile_key_) {
    UniqueFd program_file = co_await os::file_of(*ran.compiled->program);
    engine_.compile_cache.keep(*compile_key_, std::move(program_file), ran.compiled->size);
  }
  state_left_ = std::move(ran.state);
  result_.outcome = std::move(ran.outcome);
  step("run");
}

void SessionRun::started() {
  step("start");
  std::ranges::move(writes_for_mounts(engine_.files, mounted_, resolution_.session), std::back_inserter(writes_));
  run_.started();
  has_begun_ = true;
  begun_->announce();
}

// True, because what happens at the same time as something else needs a result.
awaitable<bool> SessionRun::commit() {
  while (!has_begun_) co_await begun_->wait();
  if (!writes_.empty()) co_await engine_.files.commit(std::move(writes_));
  run_.enter(Phase::running, result_.session);
  co_return true;
}

awaitable<void> SessionRun::output(pool::Stream stream, std::string_view bytes) {
  Capture& capture = stream == pool::Stream::out ? out_ : err_;
  co_await capture.add(bytes);
  if (run_.live()) co_await run_.print(stream, capture.characters(bytes));
}

// --- orders ------------------------------------------------------------------------------------------------------------

awaitable<pool::Word> SessionRun::word() {
  if (std::exchange(freezes_, false)) let_go();
  if (std::exchange(thaws_, false)) run_.resumed();
  while (words_.empty()) {
    auto order = co_await run_.order(pause_ends_.value_or(Deadline::max()));
    if (order)
      carry_out(std::move(*order));
    else
      run_.cancel();  // nobody came back in time; that is an order
  }
  pool::Word word = std::move(words_.front());
  words_.pop_front();
  freezes_ = std::holds_alternative<pool::Freeze>(word);
  thaws_ = std::holds_alternative<pool::Thaw>(word);
  co_return word;
}

void SessionRun::carry_out(Run::Order order) {
  if (std::holds_alternative<Run::Interrupted>(order)) {
    pause_ends_.reset();
    words_.emplace_back(pool::Interrupt());
  } else if (const auto* pause = std::get_if<Run::PauseOrder>(&order)) {
    if (pause_ends_) return;
    longest_pause_ = pause->longest;
    words_.emplace_back(pool::Freeze());
  } else if (auto* resume = std::get_if<Run::ResumeOrder>(&order)) {
    for (pool::Answer& answer : resume->answers) words_.emplace_back(std::move(answer));
    if (!pause_ends_) return;
    pause_ends_.reset();
    pass_.emplace(engine_.gate.enter_again());
    counted_ = std::make_unique<Counted>(engine_.running);
    pool::Thaw thaw;
    thaw.time_limit = resume->time_limit;
    words_.emplace_back(thaw);
  }
}

// The program stands still. Others may have what it does not need meanwhile.
void SessionRun::let_go() {
  counted_.reset();
  pass_.reset();
  state_.leave();
  pause_ends_ = after(longest_pause_);
  run_.paused();
}

// --- after the program -------------------------------------------------------------------------------------------------

awaitable<void> SessionRun::finish() {
  // From here on nothing is abandoned half way: a client that leaves now costs less than bodies without records.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  if (run_.live()) {
    co_await run_.print(pool::Stream::out, out_.last_characters());
    co_await run_.print(pool::Stream::err, err_.last_characters());
  }
  const bool wanted = run_.decide();
  if (!wanted) result_.outcome.ended = pool::Ended::interrupted;
  shape();
  co_await explain_missing_package();
  if (wanted) co_await collect();
}

awaitable<void> SessionRun::explain_missing_package() {
  const pool::Outcome& outcome = result_.outcome;
  const bool failed = outcome.ended != pool::Ended::exited || outcome.exit_code != 0;
  const auto missing = missing_package(request_.language, failed, result_.err);
  if (!missing) co_return;
  const auto work = [&missing, this] {
    const ExecutionSettings& settings = engine_.settings;
    std::vector<std::filesystem::path> own{settings.own_packages};
    if (!request_.packages.empty()) own.push_back(settings.package_sets / request_.packages);
    return describe(*missing, own, settings.system);
  };
  const std::string line = co_await on_pool(engine_.blocking, work);
  add_line(line);
}

void SessionRun::shape() {
  result_.out = out_.finish();
  result_.out_cut = out_.cut();
  result_.err = explain(err_.finish(), result_.outcome, request_.time_limit);
  std::vector<Unmounted> unmounted = std::move(mounted_.unmounted);
  for (Mount& mount : mounted_.mounts) {
    if (std::ranges::find(result_.outcome.unplaced, mount.name.text()) == result_.outcome.unplaced.end()) continue;
    mount.missing = true;
    unmounted.push_back({mount.name.text(), Unmounted::Reason::room});
  }
  for (const Mount& mount : mounted_.mounts) {
    if (!mount.missing) result_.inputs.emplace_back(mount.record.id, mount.record.sha256);
  }
  add_line(describe_unmounted(unmounted, engine_.settings.workspace_bytes));
}

void SessionRun::add_line(std::string_view line) { result_.err = with_line(std::move(result_.err), line); }

awaitable<void> SessionRun::collect() {
  const ExecutionSettings& settings = engine_.settings;
  Collector& collector = collector_.emplace(request_, mounted_, settings, engine_.files, engine_.blocking);
  pool::Collected last_word;
  std::string lost;
  try {
    if (result_.outcome.ended != pool::Ended::lost) {
      auto collected = co_await collect_files(*lease_, *this, after(settings.collect_timeout));
      if (collected)
        last_word = std::move(*collected);
      else
        lost = "it took too long";
    }
  } catch (const std::exception& error) {
    lost = error.what();
  }
  if (!lost.empty()) log_warning("files of a run are lost", {{"session_id", result_.session}, {"reason", lost}});
  if (!lost.empty() || result_.outcome.ended != pool::Ended::lost) collector.take(std::move(last_word));
  const auto whole_out = co_await keep_whole(out_, "stdout.txt", collector);
  if (whole_out) add_line("stdout was cut; all of it is in the file " + *whole_out);
  co_await keep_whole(err_, "stderr.txt", collector);
  step("collect");
  auto [stored, summary] =
      co_await both(collector.store(result_.session), state_.settle(result_.outcome, std::move(state_left_)));
  result_.files = std::move(stored);
  result_.state = std::move(summary);
  add_line(collector.left_out().line(settings.output_files, settings.file_bytes));
  result_.truncation = collector.left_out().truncation();
  result_.delivery = collector.delivery();
  result_.deleted = collector.deleted();
  co_await collector.remember_removed(result_.session);
  step("store");
}

awaitable<void> SessionRun::file(pool::OutputFile file) { return collector_->take(std::move(file)); }

}  // namespace ci::execution
