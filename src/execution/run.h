#pragma once
// One run, as everybody sees it who has to do with it: what it is, what has happened in it, and what is wanted of it. The
// work is done by session_run.h, which writes here and looks here for what it should do. I/O thread.

#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/changes.h"
#include "execution/event_log.h"
#include "execution/result.h"
#include "metrics/trace.h"

namespace ci::execution {

enum class RunState { waiting, running, paused, ended };

// What becomes of a run when its last reader has left.
enum class Abandoned {
  end,   // nobody wants it any more: as cancel()
  keep,  // it goes on; whoever knows its id finds it
};

struct RunOptions {
  RunOptions() = default;
  std::string owner;       // the credential that it belongs to
  std::string request_id;  // by which its owner may ask for it; empty: none
  std::string key;         // the first 16 digits of its key's hash, by which it is counted; empty: it needed none
  std::string language;    // canonical code
  metrics::TraceContext trace;
  Abandoned abandoned = Abandoned::end;
  bool live = false;                  // what it prints is wanted while it runs
  std::shared_ptr<const void> place;  // among the runs of its key; let go of at its end
};

class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(asio::any_io_executor executor, std::string id, RunOptions options);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // --- what it is ---

  const std::string& id() const { return id_; }
  const std::string& owner() const { return options_.owner; }
  const std::string& request_id() const { return options_.request_id; }
  const std::string& key() const { return options_.key; }
  const std::string& language() const { return options_.language; }
  const metrics::TraceContext& trace() const { return options_.trace; }
  std::chrono::system_clock::time_point begin() const { return begin_; }
  RunState state() const { return state_; }
  std::optional<Phase> phase() const { return phase_; }  // nothing before its session is known
  const std::string& session() const { return session_; }
  bool cancelled() const { return cancelled_; }
  // Of one that has ended: its result. Rethrows what made it fail.
  const ExecutionResult& result() const;
  std::exception_ptr failure() const { return failure_; }

  // --- reading it ---

  // Keeps the run. When the last reader ends, Abandoned decides.
  class Reader {
   public:
    Reader(std::shared_ptr<Run> run, Lag lag, std::uint64_t last_seen = 0);
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    ~Reader();

    Run& run() const { return *run_; }
    std::optional<RunEvent> take() { return events_.take(); }
    awaitable<std::optional<RunEvent>> next(Deadline deadline = Deadline::max()) { return events_.next(deadline); }

   private:
    std::shared_ptr<Run> run_;
    EventLog::Reader events_;
  };
  std::size_t readers() const { return readers_; }
  Abandoned abandoned() const { return options_.abandoned; }
  void set_abandoned(Abandoned policy) { options_.abandoned = policy; }

  // --- what is wanted of it; carried out a moment later, in this order ---

  // Ends the program as its deadline would: it is told, then killed. Everything it has printed and left counts. One that does not
  // run yet is cancelled.
  void interrupt();
  // The same, but what it left is not wanted: no file is stored, and the result is what was printed so far. False when it comes too late:
  // the run's end has been decided.
  bool cancel();
  // Nothing in it runs, and it holds nothing that others wait for: no place among the runs at once, no turn of its session
  // (so it leaves no state), and a server that stops does not wait for it. Cancelled when it has not been resumed after
  // `longest`.
  void pause(std::chrono::milliseconds longest);
  // It goes on with these answers to its calls, and with a limit of its own when there is one.
  void resume(std::vector<pool::Answer> answers, std::optional<std::chrono::milliseconds> time_limit);

  // --- for whoever does the work ---

  struct Interrupted {};
  struct PauseOrder {
    std::chrono::milliseconds longest;
  };
  struct ResumeOrder {
    ResumeOrder(std::vector<pool::Answer> a, std::optional<std::chrono::milliseconds> limit)
        : answers(std::move(a)), time_limit(limit) {}
    std::vector<pool::Answer> answers;
    std::optional<std::chrono::milliseconds> time_limit;
  };
  using Order = std::variant<Interrupted, PauseOrder, ResumeOrder>;

  bool live() const { return options_.live; }
  void enter(Phase phase, const std::string& session);
  void started() { state_ = RunState::running; }  // its program
  awaitable<void> print(pool::Stream stream, std::string text);
  void call(pool::Call call) { events_.add(std::move(call)); }
  void paused();
  void resumed();
  // The next order; nothing at the deadline.
  awaitable<std::optional<Order>> order(Deadline deadline);
  // Ends when the run is cancelled before its program runs.
  awaitable<void> given_up();
  // From now on it ends as it does; false when it has been cancelled before.
  bool decide();
  void end(ExecutionResult result);
  void fail(std::exception_ptr failure);

 private:
  void ended();

  std::string id_;
  RunOptions options_;
  std::chrono::system_clock::time_point begin_ = std::chrono::system_clock::now();
  RunState state_ = RunState::waiting;
  std::optional<Phase> phase_;
  std::string session_;
  bool cancelled_ = false, decided_ = false;
  std::optional<ExecutionResult> result_;
  std::exception_ptr failure_;
  EventLog events_;
  std::deque<Order> orders_;
  Changes ordered_;
  std::size_t readers_ = 0;
};

}  // namespace ci::execution
