#pragma once
// A run from request to outcome: resolve the session, mount files, lease a sandbox, run, collect, make durable.
// Called on the I/O thread.

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/failure.h"
#include "execution/capture.h"
#include "execution/compile_cache.h"
#include "execution/gate.h"
#include "execution/left_out.h"
#include "files/session_files.h"
#include "files/sessions.h"
#include "pool/sandbox_pool.h"
#include "state/states.h"
#include "state/turns.h"

namespace ci::execution {

struct FileReference {
  std::string id;
  std::string name;
  std::string session;
  bool by_storage_session = false;  // the client said storage_session_id: it knows inherited entries
  std::string kind;
  std::string entity;
};

// A request that passed validation.
struct ExecutionRequest {
  ExecutionRequest() = default;

  std::string language;  // canonical code
  std::string code;
  std::vector<std::string> arguments;
  files::Caller caller;
  std::string queue;  // those who wait take turns by this; files belong to the caller's credential
  std::string session_id;
  std::string session_name;  // the client's own name for a session whose files stay; empty: none
  std::string entity_id;
  std::vector<FileReference> files;
  std::chrono::milliseconds time_limit{30000};
};

struct ResultFile {
  std::string id;
  std::string name;
  std::string session;
  bool inherited = false;
  std::string modified_from_id, modified_from_session;  // empty: not an edited input
  std::string entity;
};

struct ExecutionResult {
  ExecutionResult() = default;

  std::string session;
  std::string session_name_digest;  // when the request named its session: 40 hex digits
  bool session_existed = false;     // and it had files, or may have had
  std::string out, err;  // shaped: cut, cleaned, with our lines on time-outs, memory, signals and missing files
  bool out_cut = false;  // `out` is only the beginning
  std::vector<ResultFile> files;
  std::vector<std::string> deleted;  // names, as they were given, of references whose files the program removed
  Delivery delivery;
  Truncation truncation;
  std::optional<state::Summary> state;  // of the session, when this run made or confirmed it
  pool::Outcome outcome;
  std::vector<std::pair<std::string, std::uint64_t>> steps;  // microseconds of each step, for Server-Timing
};

struct ExecutionSettings {
  std::chrono::seconds acquire_timeout{10};
  std::chrono::seconds turn_timeout{60};    // for earlier runs of a session to end
  std::chrono::seconds longest_run{30};     // the longest time limit that a request may ask for; compilers' go by it
  // A sandbox that has not told the end of its program so long after the program's time, and the compiler's, is given
  // up. Ten seconds of it may go into writing a state.
  std::chrono::milliseconds overtime{20000};
  std::chrono::milliseconds collect_timeout{60000};  // for all files to be there, after the end
  TextLimits output;                       // per stream, then cut
  bool keep_terminal_codes = false;        // escape sequences and rewritten lines are left in the output
  bool keep_long_output = true;            // as a file of the session, when it is no larger than such may be
  std::filesystem::path spool_directory;   // where output is kept meanwhile; empty: only as much as memory may hold
  std::uint64_t file_bytes = 10 << 20;     // larger outputs are dropped
  int output_files = 10;
  int session_files = 50;                  // mounted when a request only continues a session
  std::uint64_t workspace_bytes = 0;       // of /mnt/data; inputs may fill three quarters of it. 0: unknown
  int concurrent = 0;                      // runs at once; 0: no limit
  bool strict_ownership = false;
  bool named_sessions = true;              // a session_name counts
  CompileCacheSettings compile_cache;
  std::vector<std::string> dropped_suffixes = {".exe", ".bat", ".cmd", ".ps1", ".scr", ".com"};  // of outputs
};

// A request names a file of another credential. Only with strict_ownership.
class UnauthorizedReference final : public Failure {
 public:
  UnauthorizedReference() : Failure(FailureKind::not_found, "Unauthorized file reference") {}
};

enum class Phase {
  turn,     // waits for earlier runs of its session
  sandbox,  // waits for its sandbox and its files
  running,  // and its session is on record: all that can be refused has been, the answer is a result
};
// Called at the begin of each, in this order, with the run's session.
using OnPhase = std::function<void(Phase, const std::string& session)>;

struct Resolution;
class StateStep;

class Executions {
 public:
  // Outputs are compared with the inputs on `blocking`.
  Executions(
      pool::SandboxPool& pool, files::Sessions& sessions, files::SessionFiles& files, asio::thread_pool& blocking,
      const ExecutionSettings& settings);
  // From now on sessions keep their Python state. Both outlive this object.
  void keep_states(state::States& states, state::Turns& turns) {
    states_ = &states;
    turns_ = &turns;
  }

  // Fails as `unavailable` (no sandbox in time, store down) or with UnauthorizedReference. Everything that the result
  // names is durable. When it is cancelled before the program ended, the sandbox is gone and nothing is kept but
  // the session.
  awaitable<ExecutionResult> run(ExecutionRequest request, OnPhase on_phase, OnOutput on_output);

  std::size_t running() const { return running_; }
  CompileCacheStatistics compile_cache() const { return compile_cache_.statistics(); }

 private:
  struct Prepared;
  awaitable<Prepared> prepare(const ExecutionRequest& request, Resolution resolution, StateStep& state);
  std::optional<std::string> prepare_compile(const ExecutionRequest& request, pool::Program& program);

  pool::SandboxPool& pool_;
  files::Sessions& sessions_;
  files::SessionFiles& files_;
  asio::thread_pool& blocking_;
  state::States* states_ = nullptr;
  state::Turns* turns_ = nullptr;
  ExecutionSettings settings_;
  Gate gate_;
  CompileCache compile_cache_;
  std::size_t running_ = 0;
};

// What the client gets of a stream (contract of stdout and stderr), from what is left of it as text: a note where it was
// cut, trailing white space and leading blank lines stripped; stdout that is not empty ends with one line feed.
std::string shape_output(std::string text, bool cut, pool::Stream stream);

// stderr as above and one more line; without one when there is none.
std::string with_line(std::string shaped_err, std::string_view line);

// stderr as above plus the line that explains an ending that is not the program's own.
std::string explain(std::string shaped_err, const pool::Outcome& outcome, std::chrono::milliseconds limit);

// "SIGSEGV"; "SIG99" for one without a name.
std::string signal_name(int signal);

}  // namespace ci::execution
