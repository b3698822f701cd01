#pragma once
// A program with a session around it: which session, its turn, its files and its state go in; then the program; then what it
// left is made durable, and only then there is a result. I/O thread.

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "execution/capture.h"
#include "execution/collect.h"
#include "execution/compile_cache.h"
#include "execution/gate.h"
#include "execution/mounts.h"
#include "execution/program.h"
#include "execution/resolve.h"
#include "execution/run.h"
#include "execution/settings.h"
#include "execution/state_step.h"

namespace ci::execution {

// What all runs share.
struct Engine {
  Engine(
      pool::SandboxPool& p, files::Sessions& s, files::SessionFiles& f, asio::thread_pool& b,
      const ExecutionSettings& e)
      : pool(p), sessions(s), files(f), blocking(b), settings(e), gate(e.concurrent), compile_cache(e.compile_cache) {}

  pool::SandboxPool& pool;
  files::Sessions& sessions;
  files::SessionFiles& files;
  asio::thread_pool& blocking;  // outputs are compared with the inputs there
  ExecutionSettings settings;
  state::States* states = nullptr;  // both, or none
  state::Turns* turns = nullptr;
  Gate gate;
  CompileCache compile_cache;
  std::size_t running = 0;  // runs that were admitted and are not paused
};

class SessionRun final : private ProgramSink {
 public:
  // All three outlive it.
  SessionRun(Engine& engine, ExecutionRequest& request, Run& run);
  ~SessionRun() override;

  // Once. Fails as `unavailable` (no sandbox in time, store down) or with UnauthorizedReference. Everything that the result names
  // is durable. When the coroutine is cancelled before the program ended, the sandbox is gone and nothing is kept but
  // the session.
  awaitable<ExecutionResult> perform();

 private:
  class Counted;
  struct Leased;

  awaitable<void> resolve();
  awaitable<void> admit();
  awaitable<void> take_sandbox();
  static awaitable<Leased> acquire(pool::SandboxPool& pool, pool::Demand demand, Deadline deadline);
  awaitable<std::uint64_t> prepare();
  pool::Program make_program();
  void find_compiled(pool::Program& program);
  awaitable<void> run();
  awaitable<bool> commit();
  awaitable<void> finish();
  void shape();
  awaitable<void> explain_missing_package();
  void add_line(std::string_view line);  // to stderr
  awaitable<void> collect();
  void step(const char* name);

  // As the program's sink.
  void started() override;
  awaitable<void> output(pool::Stream stream, std::string_view bytes) override;
  void call(pool::Call call) override { run_.call(std::move(call)); }
  awaitable<void> file(pool::OutputFile file) override;
  awaitable<pool::Word> word() override;
  void carry_out(Run::Order order);
  void let_go();

  Engine& engine_;
  ExecutionRequest& request_;
  Run& run_;
  ExecutionResult result_;
  std::chrono::steady_clock::time_point step_begin_ = std::chrono::steady_clock::now();

  Resolution resolution_;
  std::unique_ptr<ByteSource> state_left_;  // by the program
  StateStep state_;                         // its turn ends with this object: after the answer is complete
  Deadline longest_wait_;
  std::optional<Gate::Pass> pass_;  // a paused run has none
  std::unique_ptr<Counted> counted_;
  std::unique_ptr<pool::Lease> lease_;
  MountedFiles mounted_;
  std::vector<store::Write> writes_;        // the session's
  std::optional<std::string> compile_key_;  // what the program is kept under, if it may be
  std::optional<Changes> begun_;
  bool has_begun_ = false;
  Capture out_, err_;
  std::optional<Collector> collector_;

  std::deque<pool::Word> words_;  // to be said to the program
  std::chrono::milliseconds longest_pause_{0};
  std::optional<Deadline> pause_ends_;    // while it is paused
  bool freezes_ = false, thaws_ = false;  // the last word did that
};

}  // namespace ci::execution
