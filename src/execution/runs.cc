#include "execution/runs.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/system/system_error.hpp>
#include <utility>

#include "base/ids.h"
#include "base/log.h"
#include "base/sha256.h"

namespace ci::execution {

namespace {

using Clock = std::chrono::steady_clock;

// For programs to be told that they end, and for the word of it to come back.
constexpr std::chrono::seconds time_to_end{2};

std::string_view name_of(pool::Ended ended) {
  switch (ended) {
    case pool::Ended::exited:
      return "exited";
    case pool::Ended::signalled:
      return "signalled";
    case pool::Ended::timed_out:
      return "timed_out";
    case pool::Ended::out_of_memory:
      return "out_of_memory";
    case pool::Ended::lost:
      return "lost";
    case pool::Ended::interrupted:
      return "interrupted";
  }
  std::unreachable();
}

std::string reason_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  }
}

bool is_refusal(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const UnauthorizedReference&) {
    return true;
  } catch (...) {
    return false;
  }
}

std::chrono::microseconds time_of(const ExecutionResult& result, std::initializer_list<std::string_view> steps) {
  std::uint64_t sum = 0;
  for (const auto& [name, time] : result.steps) {
    if (std::ranges::find(steps, name) != steps.end()) sum += time;
  }
  return std::chrono::microseconds(sum);
}

void describe(metrics::RunRecord& record, const ExecutionResult& result) {
  record.outcome = name_of(result.outcome.ended);
  record.exit_code = result.outcome.exit_code;
  record.wait_time = time_of(result, {"admit", "acquire"});
  record.program_time = result.outcome.wall_time;
  record.compile_time = result.outcome.compile_time;
  record.cpu_time = result.outcome.cpu_time;
  record.peak_memory = result.outcome.peak_memory;
  if (result.state) record.state_bytes = result.state->size;
  record.output_bytes = result.out.size() + result.err.size();
  for (const ResultFile& file : result.files) {
    if (!file.inherited) record.outputs.emplace_back(file.id, file.sha256);
  }
  record.inputs = result.inputs;
  record.files = record.outputs.size();
  if (!result.steps.empty()) record.sandbox = result.found_warm ? metrics::Found::warm : metrics::Found::made;
  record.steps = result.steps;
  for (const auto& [name, time] : result.outcome.steps) record.steps.emplace_back("sandbox " + name, time);
  record.compiled_before = std::ranges::any_of(result.steps, [](const auto& step) { return step.first == "cached"; });
}

}  // namespace

Runs::Runs(
    asio::any_io_executor executor, Executions& executions, metrics::RunRecorder& recorder,
    const RunsSettings& settings)
    : executions_(executions), recorder_(recorder), settings_(settings), changes_(executor), tasks_(executor) {}

std::shared_ptr<Run> Runs::start(ExecutionRequest request, RunOptions options) {
  options.language = request.language;
  // The second owner is whoever reads it; the third, while it lasts, its task.
  auto run = std::make_shared<Run>(tasks_.executor(), new_id(), std::move(options));
  runs_.emplace_back(run);
  tasks_.spawn("run", drive(run, std::move(request)));
  return run;
}

std::shared_ptr<Run> Runs::find(const std::string& owner, const std::string& id) const {
  const auto found = std::ranges::find_if(
      runs_, [&](const Known& known) { return known.run->id() == id && known.run->owner() == owner; });
  return found == runs_.end() ? nullptr : found->run;
}

std::shared_ptr<Run> Runs::find_by_request(const std::string& owner, const std::string& request_id) const {
  if (request_id.empty()) return nullptr;
  const auto found = std::ranges::find_if(
      runs_, [&](const Known& known) { return known.run->request_id() == request_id && known.run->owner() == owner; });
  return found == runs_.end() ? nullptr : found->run;
}

std::size_t Runs::count(const std::string& owner) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      runs_, [&](const Known& known) { return known.run->owner() == owner && known.run->state() != RunState::ended; }));
}

std::vector<std::shared_ptr<Run>> Runs::all() const {
  std::vector<std::shared_ptr<Run>> found;
  for (const Known& known : runs_) found.push_back(known.run);
  return found;
}

// From the wish to the record of it.
awaitable<void> Runs::drive(std::shared_ptr<Run> run, ExecutionRequest request) {
  metrics::RunRecord record;
  record.id = run->id();
  record.request_id = run->request_id();
  record.owner = run->owner();
  record.key = run->key();
  record.trace = run->trace();
  record.language = run->language();
  record.code_bytes = request.code.size();
  if (settings_.hash_code) record.code_hash = sha256_hex(request.code);
  record.begin = std::chrono::system_clock::now();
  const auto begin = Clock::now();
  try {
    co_await work(run, std::move(request));
  } catch (...) {
    run->fail(std::current_exception());
  }
  record.total_time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  record.session = run->session();
  if (run->failure()) {
    record.outcome = is_refusal(run->failure()) ? "refused" : "failed";
    record.reason = reason_of(run->failure());
  } else {
    describe(record, run->result());
  }
  if (run->cancelled()) {
    record.outcome = "cancelled";
    record.reason.clear();
  }
  recorder_.record(record);
  forget(run);
}

// Until it has ended, or is given up before its program runs.
awaitable<void> Runs::work(std::shared_ptr<Run> run, ExecutionRequest request) {
  auto executor = co_await asio::this_coro::executor;
  auto race = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, executions_.perform(std::move(request), run), asio::deferred),
      asio::co_spawn(executor, run->given_up(), asio::deferred));
  auto [order, failure, result, other_failure] =
      co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (!failure) {
    run->end(std::move(result));
  } else if (run->cancelled()) {
    ExecutionResult nothing;
    nothing.session = run->session();
    nothing.outcome.ended = pool::Ended::interrupted;
    run->end(std::move(nothing));
  } else {
    run->fail(failure);
  }
}

void Runs::forget(const std::shared_ptr<Run>& run) {
  const auto known = std::ranges::find(runs_, run, &Known::run);
  CHECK(known != runs_.end());
  changes_.announce();
  if (run->abandoned() == Abandoned::end) {  // who reads it has it
    runs_.erase(known);
    return;
  }
  known->forget_at = after(settings_.kept_after_end);
  runs_.splice(runs_.begin(), runs_, known);  // those that have ended are in front, the latest first
  const auto kept = std::ranges::count_if(runs_, [](const Known& one) { return one.forget_at.has_value(); });
  if (static_cast<std::size_t>(kept) > settings_.most_kept) runs_.erase(std::next(runs_.begin(), kept - 1));
  if (!std::exchange(forgets_, true)) tasks_.spawn("old runs", forget_later());
}

awaitable<void> Runs::forget_later() {
  for (;;) {
    std::optional<Deadline> next;
    for (const Known& known : runs_) {
      if (known.forget_at && (!next || *known.forget_at < *next)) next = known.forget_at;
    }
    if (!next) break;
    co_await changes_.wait(*next);
    std::erase_if(runs_, [](const Known& known) { return known.forget_at && *known.forget_at <= Clock::now(); });
  }
  forgets_ = false;
}

awaitable<void> Runs::stop() {
  // Ending one may change the list.
  const std::vector<std::shared_ptr<Run>> known = all();
  for (const auto& run : known) run->cancel();
  const auto some_left = [&] {
    return std::ranges::any_of(known, [](const auto& run) { return run->state() != RunState::ended; });
  };
  const Deadline deadline = after(time_to_end);
  while (some_left() && Clock::now() < deadline) co_await changes_.wait(deadline);
  co_await tasks_.stop();
  runs_.clear();
}

}  // namespace ci::execution
