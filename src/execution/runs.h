#pragma once
// All runs of this process: begins them, finds them, forgets them, ends them. I/O thread.

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "execution/execution.h"
#include "execution/run.h"
#include "metrics/run_record.h"

namespace ci::execution {

struct RunsSettings {
  bool hash_code = false;  // records have the hash of the code
  // How long one that has ended can still be found, when it was begun with Abandoned::keep.
  std::chrono::seconds kept_after_end{600};
  std::size_t most_kept = 1000;  // of those; the oldest go first
};

class Runs {
 public:
  Runs(
      asio::any_io_executor executor, Executions& executions, metrics::RunRecorder& recorder,
      const RunsSettings& settings = {});

  // Never fails: what goes wrong is the run's failure.
  std::shared_ptr<Run> start(ExecutionRequest request, RunOptions options);

  // Null when there is none, or none of this owner's.
  std::shared_ptr<Run> find(const std::string& owner, const std::string& id) const;
  std::shared_ptr<Run> find_by_request(const std::string& owner, const std::string& request_id) const;
  // That have not ended, of this owner.
  std::size_t count(const std::string& owner) const;
  std::size_t size() const { return runs_.size(); }
  // Whoever owns them: for administrators.
  std::vector<std::shared_ptr<Run>> all() const;

  // Cancels all, waits a moment for what they still have to say, and ends those that are left. Before destruction.
  awaitable<void> stop();

 private:
  struct Known {
    explicit Known(std::shared_ptr<Run> r) : run(std::move(r)) {}
    std::shared_ptr<Run> run;
    std::optional<Deadline> forget_at;  // once it has ended
  };

  awaitable<void> drive(std::shared_ptr<Run> run, ExecutionRequest request);
  awaitable<void> work(std::shared_ptr<Run> run, ExecutionRequest request);
  void forget(const std::shared_ptr<Run>& run);
  awaitable<void> forget_later();

  Executions& executions_;
  metrics::RunRecorder& recorder_;
  RunsSettings settings_;
  std::list<Known> runs_;
  Changes changes_;
  TaskGroup tasks_;  // last: its work uses everything above
  bool forgets_ = false;
};

}  // namespace ci::execution
