#pragma once
// What is counted of a run. Made once, at the end of each, also of one that never began; whoever counts runs counts these.

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "metrics/trace.h"

namespace ci::metrics {

enum class Found { none, warm, made };  // a sandbox that was ready, or one that was made while the run waited

// A file as the audit log names it.
struct FileMark {
  FileMark(std::string name, std::string hash) : id(std::move(name)), sha256(std::move(hash)) {}
  std::string id;
  std::string sha256;  // of its content; empty when that is not known
};

struct RunRecord {
  RunRecord() = default;

  std::string id;
  TraceContext trace;      // of the request that wanted it
  std::string request_id;  // of the HTTP request or what its client called it; may be empty
  std::string owner;       // the credential
  std::string key;         // the first 16 digits of its key's hash; empty: it needed none
  std::string session;     // empty when it came to none
  std::string language;    // canonical code
  // "exited", "signalled", "timed_out", "out_of_memory", "lost", "interrupted"; "cancelled" when nobody wanted it any more;
  // "refused" when the request could not be met, "failed" when it is ours that there is no outcome.
  std::string outcome;
  std::string reason;  // of one that was refused or failed
  int exit_code = 0;
  std::chrono::system_clock::time_point begin;
  std::chrono::microseconds total_time{0};    // from the wish to the end, with all waiting
  std::chrono::microseconds wait_time{0};     // for a place and a sandbox
  std::chrono::microseconds program_time{0};  // of the clock
  std::chrono::microseconds compile_time{0};
  std::chrono::microseconds cpu_time{0};
  std::uint64_t peak_memory = 0;  // bytes; 0: unknown
  std::uint64_t code_bytes = 0;
  std::string code_hash;           // SHA-256 of the code; empty unless somebody wants it (RunsSettings)
  std::uint64_t output_bytes = 0;  // of both streams, as the client gets them
  std::uint64_t state_bytes = 0;   // of the state that it left; 0: none
  std::size_t files = 0;           // that came of it
  std::vector<FileMark> outputs;   // these
  std::vector<FileMark> inputs;    // that its program found
  Found sandbox = Found::none;
  bool compiled_before = false;  // its program came out of the cache
  // Where the time went, in order: names from a fixed set, and microseconds. What the sandbox did is "sandbox …".
  std::vector<std::pair<std::string, std::uint64_t>> steps;
};

// Whoever counts runs. Called on the I/O thread; does not wait.
class RunRecorder {
 public:
  virtual ~RunRecorder() = default;
  virtual void record(const RunRecord& run) = 0;
};

// Several at once, in their order. They outlive it.
class RunRecorders final : public RunRecorder {
 public:
  void add(RunRecorder& recorder) { recorders_.push_back(&recorder); }
  void record(const RunRecord& run) override {
    for (RunRecorder* const each : recorders_) each->record(run);
  }

 private:
  std::vector<RunRecorder*> recorders_;
};

// One line in the log for each.
class RunLog final : public RunRecorder {
 public:
  void record(const RunRecord& run) override;
};

}  // namespace ci::metrics
