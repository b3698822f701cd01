#pragma once
// A program in a sandbox, from its start to its last file. Knows no session, no key and no HTTP: whoever has a lease and
// wants to hear what happens can run one. I/O thread.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "pool/sandbox_pool.h"

namespace ci::execution {

// Who follows a program. What is awaited here makes the program wait, not us; what is thrown here ends it.
class ProgramSink {
 public:
  virtual ~ProgramSink() = default;

  // It is on its way: what could be refused has been.
  virtual void started() = 0;
  virtual awaitable<void> output(pool::Stream stream, std::string_view bytes) = 0;
  virtual void call(pool::Call call) = 0;
  virtual awaitable<void> file(pool::OutputFile file) = 0;

  // What it is to be told next. Asked for again once that has been said; cancelled when the program has ended.
  virtual awaitable<pool::Word> word() = 0;
};

// What a program of this language needs; `modules` beside those that its code imports.
pool::Demand demand_for(
    const std::string& language, std::string_view code, std::vector<std::string> modules, std::string owner);

struct Ran {
  Ran() = default;
  pool::Outcome outcome;
  std::optional<pool::Compiled> compiled;
  std::unique_ptr<ByteSource> state;        // what it has left for later runs of its session; null: nothing
  std::chrono::microseconds start_time{0};  // until it was on its way
};

// Until the program has ended; its files come afterwards, see below. A sandbox that has not told the end `overtime` after
// all that the program may take, or soon after an Interrupt, is as good as gone: Ended::lost. While a program is frozen no time
// goes on. Fails as `unavailable` when it cannot be started.
awaitable<Ran> run_program(
    pool::Lease& lease, pool::Program program, ProgramSink& sink, std::chrono::milliseconds overtime);

// Hands the files that are left to `sink`. Returns the sandbox's last word, or nothing when it took too long.
awaitable<std::optional<pool::Collected>> collect_files(pool::Lease& lease, ProgramSink& sink, Deadline deadline);

}  // namespace ci::execution
