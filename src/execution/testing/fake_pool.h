#pragma once
// Sandboxes that act out a script.

#include <algorithm>
#include <deque>
#include <functional>
#include <map>

#include "base/changes.h"
#include "base/failure.h"
#include "pool/sandbox_pool.h"

namespace ci::execution::testing {

// What a program did: seen by the test, decided by its script.
struct Act {
  Act() = default;
  Act(Act&&) = default;
  Act& operator=(Act&&) = default;

  std::string code;
  std::vector<std::string> arguments;
  std::chrono::milliseconds time_limit{0};
  std::map<std::string, std::string> inputs;  // name and contents
  std::vector<std::string> read_only;
  std::deque<pool::Event> events;                            // filled by the script; Collected is added
  std::vector<std::string> gone;                             // inputs that the program removed
  std::vector<pool::Skipped> skipped;                        // what is not handed out
  bool searched = true;                                      // everything was looked at
  std::chrono::milliseconds pause{0};                        // before the outcome
  bool forever = false;                                      // after the events nothing happens
  std::function<void(Act&, const pool::Answer&)> on_answer;  // may add events

  void print(pool::Stream stream, std::string text) { events.emplace_back(pool::Output(stream, std::move(text))); }
  void call(std::uint32_t number, std::string request) { events.emplace_back(pool::Call(number, std::move(request))); }
  void exit(int code_of_exit) {
    pool::Outcome outcome;
    outcome.exit_code = code_of_exit;
    outcome.wall_time = std::chrono::milliseconds(5);
    events.emplace_back(outcome);
  }
  void leave(const std::string& name, const std::string& contents) {
    events.emplace_back(
        std::in_place_type<pool::OutputFile>, name, std::make_unique<StringSource>(contents), contents.size());
  }
  // An input as it was.
  void keep(const std::string& name) {
    const std::string& contents = inputs.at(name);
    events.emplace_back(
        std::in_place_type<pool::OutputFile>, name, std::make_unique<StringSource>(contents), contents.size(), false);
  }
};

class FakePool final : public pool::SandboxPool {
 public:
  using Script = std::function<void(Act&)>;

  Script script = [](Act& act) { act.exit(0); };
  std::vector<Act> acts;  // of all runs, without their events
  int leases = 0;         // on loan now
  int acquired = 0;
  std::vector<pool::Demand> demands;  // of each acquire()
  std::vector<pool::Word> words;      // told to any lease
  bool exhausted = false;             // acquire() fails
  std::string down;                   // why nothing can be run
  std::vector<std::string> sets;      // of packages
  pool::PoolStatistics counted;
  bool broken = false;   // start() fails
  int dead_at_once = 0;  // so many sandboxes end before their program comes

  awaitable<std::unique_ptr<pool::Lease>> acquire(pool::Demand demand, Deadline) override {
    const std::vector<std::string> known = languages();
    CHECK(down.empty() ? std::ranges::find(known, demand.language) != known.end() : true);
    demands.push_back(std::move(demand));
    if (exhausted) throw Failure(FailureKind::unavailable, "No sandbox in time");
    ++acquired;
    co_return std::make_unique<FakeLease>(*this);
  }
  awaitable<void> warm_up() override { co_return; }
  std::vector<std::string> languages() const override {
    if (!down.empty()) return {};
    return {"py", "js", "bash"};
  }
  std::vector<std::string> package_sets() const override { return sets; }
  std::string unavailable() const override { return down; }
  pool::PoolStatistics statistics() const override { return counted; }
  awaitable<void> stop() override { co_return; }

 private:
  class FakeLease final : public pool::Lease {
   public:
    explicit FakeLease(FakePool& owner) : pool_(owner) { ++pool_.leases; }
    ~FakeLease() override { --pool_.leases; }

    bool waits() override {
      if (pool_.dead_at_once == 0) return true;
      --pool_.dead_at_once;
      return false;
    }

    awaitable<void> start(pool::Program program) override {
      CHECK(!changes_ && program.time_limit.count() > 0);  // once, and with an end
      changes_.emplace(co_await asio::this_coro::executor);
      if (pool_.broken) throw Failure(FailureKind::unavailable, "The sandbox is gone");
      act_.code = program.code;
      act_.arguments = program.arguments;
      act_.time_limit = program.time_limit;
      for (pool::InputFile& input : program.inputs) {
        const auto body = co_await input.body->open();
        if (!body) continue;
        std::string contents = co_await read_all(*body);
        act_.inputs[input.name.text()] = std::move(contents);
        if (input.read_only) act_.read_only.push_back(input.name.text());
      }
      pool_.script(act_);
      Act& seen = pool_.acts.emplace_back();
      seen.code = act_.code;
      seen.arguments = act_.arguments;
      seen.time_limit = act_.time_limit;
      seen.inputs = act_.inputs;
      seen.read_only = act_.read_only;
    }

    awaitable<pool::Event> next() override {
      CHECK(changes_ && !collected_);
      while (frozen_ || (act_.events.empty() && act_.forever)) co_await changes_->wait();
      if (act_.events.empty()) {
        collected_ = true;
        pool::Collected collected;
        collected.gone = act_.gone;
        collected.skipped = act_.skipped;
        for (const pool::Skipped& skipped : act_.skipped) {
          collected.skipped_files.at(static_cast<std::size_t>(skipped.reason)) += skipped.files;
        }
        collected.complete = act_.searched;
        co_return pool::Event(std::move(collected));
      }
      if (std::holds_alternative<pool::Outcome>(act_.events.front()) && act_.pause.count() > 0) {
        const Deadline end = after(std::exchange(act_.pause, std::chrono::milliseconds(0)));
        while (frozen_ || (!interrupted_ && std::chrono::steady_clock::now() < end)) co_await changes_->wait(end);
      }
      pool::Event event = std::move(act_.events.front());
      act_.events.pop_front();
      co_return event;
    }

    awaitable<void> tell(pool::Word word) override {
      CHECK(changes_.has_value());
      if (std::holds_alternative<pool::Freeze>(word)) frozen_ = true;
      if (std::holds_alternative<pool::Thaw>(word)) frozen_ = false;
      if (std::holds_alternative<pool::Interrupt>(word)) interrupt();
      const auto* answer = std::get_if<pool::Answer>(&word);
      if (answer != nullptr && act_.on_answer) act_.on_answer(act_, *answer);
      pool_.words.push_back(std::move(word));
      changes_->announce();
      co_return;
    }

   private:
    // What is on its way still comes.
    void interrupt() {
      frozen_ = act_.forever = false;
      interrupted_ = true;
      std::erase_if(act_.events, [](const pool::Event& event) { return !std::holds_alternative<pool::Output>(event); });
      pool::Outcome outcome;
      outcome.ended = pool::Ended::interrupted;
      act_.events.emplace_back(outcome);
    }

    static awaitable<std::string> read_all(ByteSource& source) {
      std::string all;
      std::vector<std::byte> piece(1000);
      for (;;) {
        const std::size_t count = co_await source.read_some(piece);
        if (count == 0) co_return all;
        all.append(reinterpret_cast<const char*>(piece.data()), count);
      }
    }

    FakePool& pool_;
    Act act_;
    std::optional<Changes> changes_;  // once the program has started
    bool frozen_ = false, interrupted_ = false, collected_ = false;
  };
};

}  // namespace ci::execution::testing
