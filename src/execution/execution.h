#pragma once
// Runs programs in sessions. Used on the I/O thread.

#include "execution/run.h"
#include "execution/session_run.h"

namespace ci::execution {

class Executions {
 public:
  // Outputs are compared with the inputs on `blocking`.
  Executions(
      pool::SandboxPool& pool, files::Sessions& sessions, files::SessionFiles& files, asio::thread_pool& blocking,
      const ExecutionSettings& settings)
      : engine_(pool, sessions, files, blocking, settings) {}
  // From now on sessions keep their Python state. Both outlive this object.
  void keep_states(state::States& states, state::Turns& turns) {
    engine_.states = &states;
    engine_.turns = &turns;
  }

  // See SessionRun::perform(). `run` is told what happens, and asked what to do.
  awaitable<ExecutionResult> perform(ExecutionRequest request, std::shared_ptr<Run> run) {
    SessionRun work(engine_, request, *run);
    co_return co_await work.perform();
  }

  std::size_t running() const { return engine_.running; }
  // Programs that were compiled before: what they were made of may be another now.
  void forget_compiled() { engine_.compile_cache.forget(); }
  CompileCacheStatistics compile_cache() const { return engine_.compile_cache.statistics(); }

 private:
  Engine engine_;
};

}  // namespace ci::execution
