#include "execution/program.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <iterator>
#include <utility>

#include "base/failure.h"
#include "base/log.h"
#include "execution/budget.h"
#include "languages/language.h"

namespace ci::execution {

namespace {

using Clock = std::chrono::steady_clock;

// From the word to end until the sandbox has told that it did: the agent lets a program go on for 300 ms.
constexpr std::chrono::seconds time_after_interrupt{5};

// Until the program has ended.
awaitable<pool::Outcome> follow(pool::Lease& lease, ProgramSink& sink, Budget& budget, Ran& ran) {
  for (;;) {
    pool::Event event = co_await lease.next();
    if (const auto* output = std::get_if<pool::Output>(&event)) {
      budget.stop();  // a reader that takes its time is not the sandbox's fault
      co_await sink.output(output->stream, output->bytes);
      budget.go_on();
    } else if (auto* call = std::get_if<pool::Call>(&event)) {
      sink.call(std::move(*call));
    } else if (auto* made = std::get_if<pool::Compiled>(&event)) {
      ran.compiled.emplace(std::move(*made));
    } else if (auto* left = std::get_if<pool::StateLeft>(&event)) {
      ran.state = std::move(left->state);
    } else if (auto* outcome = std::get_if<pool::Outcome>(&event)) {
      co_return std::move(*outcome);
    }
  }
}

// Passes on what the program is to be told, and sees to the time. Ends only when it is cancelled or fails.
awaitable<void> tell_words(pool::Lease& lease, ProgramSink& sink, Budget& budget, std::chrono::milliseconds overtime) {
  bool frozen = false;
  for (;;) {
    pool::Word word = co_await sink.word();
    const bool freezes = std::holds_alternative<pool::Freeze>(word);
    const bool interrupts = std::holds_alternative<pool::Interrupt>(word);
    std::optional<pool::Thaw> thaw;
    if (const auto* goes_on = std::get_if<pool::Thaw>(&word)) thaw = *goes_on;
    if ((freezes && frozen) || (thaw && !frozen)) continue;
    bool taken = true;
    try {
      co_await lease.tell(std::move(word));
    } catch (const Failure& failure) {
      if (failure.kind() != FailureKind::unavailable) throw;
      taken = false;  // it is gone, as its events will say
    }
    if (!taken) continue;
    if (thaw && thaw->time_limit) budget.set(*thaw->time_limit + overtime);
    if (interrupts) budget.set(time_after_interrupt);
    if (freezes)
      budget.stop();
    else if (frozen && (thaw || interrupts))
      budget.go_on();
    if (freezes || thaw || interrupts) frozen = freezes;
  }
}

}  // namespace

pool::Demand demand_for(
    const std::string& language, std::string_view code, std::vector<std::string> modules, std::string owner) {
  const languages::Language* known = languages::find(language);
  if (known != nullptr && known->reads_imports) {
    std::ranges::move(languages::python_imports(code), std::back_inserter(modules));
  }
  return pool::Demand(language, std::move(modules), std::move(owner));
}

awaitable<Ran> run_program(
    pool::Lease& lease, pool::Program program, ProgramSink& sink, std::chrono::milliseconds overtime) {
  auto executor = co_await asio::this_coro::executor;
  Ran ran;
  const auto longest = program.time_limit + program.compile_limit + overtime;
  const auto begin = Clock::now();
  co_await lease.start(std::move(program));
  ran.start_time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin);
  sink.started();

  Budget budget(executor, longest);
  auto race = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, follow(lease, sink, budget, ran), asio::deferred),
      asio::co_spawn(executor, tell_words(lease, sink, budget, overtime), asio::deferred),
      asio::co_spawn(executor, budget.spent(), asio::deferred));
  auto [order, failure, outcome, telling_failed, budget_failed] =
      co_await race.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (!failure) {  // whatever else has happened meanwhile
    ran.outcome = std::move(outcome);
    co_return ran;
  }
  if (order[0] == 0) std::rethrow_exception(failure);
  if (order[0] == 1 && telling_failed) std::rethrow_exception(telling_failed);
  if (budget_failed) std::rethrow_exception(budget_failed);  // we were cancelled
  log_error("a sandbox did not tell the end of its program");
  ran.outcome.ended = pool::Ended::lost;
  co_return ran;
}

namespace {

awaitable<pool::Collected> take_files(pool::Lease& lease, ProgramSink& sink) {
  for (;;) {
    pool::Event event = co_await lease.next();
    if (auto* collected = std::get_if<pool::Collected>(&event)) co_return std::move(*collected);
    if (auto* file = std::get_if<pool::OutputFile>(&event)) co_await sink.file(std::move(*file));
  }
}

}  // namespace

awaitable<std::optional<pool::Collected>> collect_files(pool::Lease& lease, ProgramSink& sink, Deadline deadline) {
  return until(deadline, take_files(lease, sink));
}

}  // namespace ci::execution
