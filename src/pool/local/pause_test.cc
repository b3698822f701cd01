// What a program is told while it runs, for real: calls and their answers, standing still, going on, the end. Skips where the host
// has no sandboxes.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <functional>

#include "pool/testing/engine.h"

namespace ci::pool {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Of its own, because one test ends it.
sandbox::SandboxdSettings plain_and_python() {
  sandbox::SandboxdSettings settings = testing::Engine::small_sandboxes(RUNTIMES_DIRECTORY);
  settings.languages = {"bash", "py", "c", "php", "r"};
  settings.python_levels = {"stdlib"};
  return settings;
}

testing::Engine* const pausing_engine =
    static_cast<testing::Engine*>(::testing::AddGlobalTestEnvironment(new testing::Engine(plain_and_python(), {})));

// Functions that programs of these tests call and are answered with.
constexpr std::string_view python = R"(
import os, struct, sys, time
def read(count):
    got = b""
    while len(got) < count:
        piece = os.read(6, count - len(got))
        if not piece: sys.exit("no answer")
        got += piece
    return got
def call(number, text):
    os.write(5, struct.pack("<II", 4 + len(text), number) + text)
def answer():
    size, number = struct.unpack("<II", read(8))
    return number, read(size - 4)
)";

struct Told {
  std::string out, err;
  Outcome outcome;
};

using React = std::function<awaitable<void>(Lease&, const Event&)>;

awaitable<Told> follow(Lease& lease, Program program, React react) {
  co_await lease.start(std::move(program));
  Told told;
  for (;;) {
    Event event = co_await lease.next();
    if (const auto* output = std::get_if<Output>(&event)) {
      (output->stream == Stream::out ? told.out : told.err) += output->bytes;
    }
    if (const auto* outcome = std::get_if<Outcome>(&event)) told.outcome = *outcome;
    if (std::holds_alternative<Collected>(event)) co_return told;
    co_await react(lease, event);
  }
}

class PausedProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!pausing_engine->missing().empty()) GTEST_SKIP() << pausing_engine->missing();
  }

  Told run(const std::string& language, std::string code, std::chrono::milliseconds limit, React react) {
    Told told;
    pausing_engine->reason.clear();
    pausing_engine->wait([&]() -> awaitable<void> {
      Demand demand(language, {});
      demand.longest_wait = after(60s);
      auto lease = co_await pausing_engine->pool->acquire(std::move(demand), after(60s));
      Program program;
      program.code = std::move(code);
      program.calls = true;
      program.time_limit = limit;
      program.compile_limit = language == "c" ? 60s : 0s;
      told = co_await follow(*lease, std::move(program), react);
    });
    EXPECT_EQ(pausing_engine->reason, "");
    return told;
  }
};

// Nanoseconds that a process has run.
std::uint64_t processor_time(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/schedstat");
  std::uint64_t time = 0;
  file >> time;
  return time;
}

// Until it does not run any more. The kernel lets each process come to a place where it can stand.
awaitable<std::uint64_t> time_when_it_stands(pid_t process) {
  for (std::uint64_t last = processor_time(process);;) {
    co_await sleep_for(50ms);
    const std::uint64_t now = processor_time(process);
    if (now == last) co_return now;
    last = now;
  }
}

TEST_F(PausedProgram, CallsAndIsAnswered) {
  const React react = [](Lease& lease, const Event& event) -> awaitable<void> {
    const auto* call = std::get_if<Call>(&event);
    if (call == nullptr) co_return;
    Answer answer(call->number, call->request + "!");
    co_await lease.tell(std::move(answer));
    Answer nobodys(99, "lost");
    co_await lease.tell(std::move(nobodys));
  };
  const std::string code = std::string(python) + "call(1, b'sun'); print(answer())\ncall(2, b'rain'); print(answer())";
  const Told told = run("py", code, 60s, react);
  EXPECT_EQ(told.out, "(1, b'sun!')\n(2, b'rain!')\n") << told.err;
  EXPECT_EQ(told.outcome.ended, Ended::exited);

  const Told shell = run("bash", R"(printf '\7\0\0\0\1\0\0\0sun' >&5; head -c 12 <&6 | tail -c 4)", 60s, react);
  EXPECT_EQ(shell.out, "sun!") << shell.err;
  const Told compiled =
      run("c",
          "#include <unistd.h>\nint main() { char b[12]; write(5, \"\\7\\0\\0\\0\\1\\0\\0\\0sun\", 11); "
          "for (int n = 0; n < 12;) n += read(6, b + n, 12 - n); write(1, b + 8, 4); }",
          60s, react);
  EXPECT_EQ(compiled.out, "sun!") << compiled.err;
  const Told forked =
      run("php",
          "<?php fwrite(fopen('php://fd/5', 'w'), pack('VV', 7, 1) . 'sun'); echo substr(fread(fopen('php://fd/6', "
          "'r'), 12), 8);",
          60s, react);
  EXPECT_EQ(forked.out, "sun!") << forked.err;
}

// One that opened its script before it was forked keeps it beside the channel.
TEST_F(PausedProgram, OfRRunsWithAChannelToo) {
  const React nothing = [](Lease&, const Event&) -> awaitable<void> { co_return; };
  const Told told = run("r", "cat(all(file.exists('/proc/self/fd/5', '/proc/self/fd/6')))", 60s, nothing);
  EXPECT_EQ(told.out, "TRUE") << told.err;
}

TEST_F(PausedProgram, HasNoChannelThatItDidNotAskFor) {
  pausing_engine->wait([]() -> awaitable<void> {
    Demand demand("bash", {});
    auto lease = co_await pausing_engine->pool->acquire(std::move(demand), after(60s));
    Program program;
    program.code = "ls /proc/self/fd | wc -l; { echo x >&5; } 2> /dev/null || echo none";
    const React nothing = [](Lease&, const Event&) -> awaitable<void> { co_return; };
    const Told told = co_await follow(*lease, std::move(program), nothing);
    EXPECT_EQ(told.out, "4\nnone\n");  // three streams, and the folder itself
  });
  EXPECT_EQ(pausing_engine->reason, "");
}

TEST_F(PausedProgram, GetsALargeAnswerAlsoWhileItStandsStill) {
  const React react = [](Lease& lease, const Event& event) -> awaitable<void> {
    const auto* call = std::get_if<Call>(&event);
    if (call == nullptr) co_return;
    co_await lease.tell(Freeze());
    Answer answer(call->number, std::string(5 << 20, 'x'));
    co_await lease.tell(std::move(answer));
    co_await lease.tell(Thaw());
  };
  const std::string code = std::string(python) + "call(1, b''); print(len(answer()[1]))";
  EXPECT_EQ(run("py", code, 60s, react).out, "5242880\n");
}

TEST_F(PausedProgram, LosesTheChannelWhenItSaysTooMuch) {
  const std::string code =
      std::string(python) +
      "try:\n  for i in range(1000): call(i, b'x')\n  time.sleep(20)\nexcept BrokenPipeError: print('closed')\n";
  int calls = 0;
  const Told told = run("py", code + "answer()", 60s, [&](Lease&, const Event& event) -> awaitable<void> {
    if (std::holds_alternative<Call>(event)) ++calls;
    co_return;
  });
  EXPECT_EQ(told.outcome.ended, Ended::exited);
  EXPECT_EQ(told.err, "no answer\n");
  EXPECT_EQ(calls, 100);
}

TEST_F(PausedProgram, TakesNoProcessorTimeAndNoneOfItsLimitWhileItStandsStill) {
  constexpr auto limit = 8s;
  const std::string loop = "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done; echo done";
  std::uint64_t before = 0, afterwards = 1;
  const Clock::time_point begin = Clock::now();
  const Told told = run(
      "bash", "echo on; sh -c '" + loop + "' 4715", limit, [&](Lease& lease, const Event& event) -> awaitable<void> {
        if (!std::holds_alternative<Output>(event) || before != 0) co_return;
        pid_t program = 0;
        while ((program = testing::process_of("sh -c " + loop + " 4715")) == 0) co_await sleep_for(1ms);
        co_await lease.tell(Freeze());
        before = co_await time_when_it_stands(program);
        while (Clock::now() < begin + limit + 1s) co_await sleep_for(50ms);
        afterwards = processor_time(program);
        Thaw thaw;
        thaw.time_limit = 60s;
        co_await lease.tell(thaw);
      });
  EXPECT_GT(before, 0u);
  EXPECT_EQ(before, afterwards);
  EXPECT_EQ(told.out, "on\ndone\n");
  EXPECT_EQ(told.outcome.ended, Ended::exited);
}

TEST_F(PausedProgram, HasTheLimitThatItGoesOnWith) {
  const Told told = run("bash", "echo on; sleep 600", 500s, [](Lease& lease, const Event& event) -> awaitable<void> {
    if (!std::holds_alternative<Output>(event)) co_return;
    co_await lease.tell(Freeze());
    Thaw thaw;
    thaw.time_limit = 300ms;
    co_await lease.tell(thaw);
  });
  EXPECT_EQ(told.outcome.ended, Ended::timed_out);
}

TEST_F(PausedProgram, CanBeEndedWhileItStandsStill) {
  const Told told =
      run("bash", "trap 'echo end; exit 3' TERM; echo on; while :; do sleep 0.01; done", 60s,
          [](Lease& lease, const Event& event) -> awaitable<void> {
            const auto* output = std::get_if<Output>(&event);
            if (output == nullptr || output->bytes != "on\n") co_return;
            co_await lease.tell(Freeze());
            co_await lease.tell(Interrupt());
          });
  EXPECT_EQ(told.outcome.ended, Ended::interrupted);
  EXPECT_EQ(told.out, "on\nend\n");
}

// Freezes a program that has a child of that name.
awaitable<std::unique_ptr<Lease>> frozen(std::string name) {
  Demand demand("bash", {});
  auto lease = co_await pausing_engine->pool->acquire(std::move(demand), after(60s));
  Program program;
  program.code = name + " & wait";
  co_await lease->start(std::move(program));
  while (testing::process_of(name) == 0) co_await sleep_for(10ms);
  co_await lease->tell(Freeze());
  co_return lease;
}

awaitable<void> wait_until_gone(std::string name) {
  const auto deadline = after(20s);
  while (testing::process_of(name) != 0 && Clock::now() < deadline) co_await sleep_for(10ms);
  EXPECT_EQ(testing::process_of(name), 0);
}

TEST_F(PausedProgram, LeavesNothingWhenItsLeaseGoesOrItsAgentIsKilled) {
  pausing_engine->wait([]() -> awaitable<void> {
    std::unique_ptr<Lease> lease;
    for (int i = 0; i < 5; ++i) {  // the agent may be about to freeze it when it is killed
      const std::string name = "sleep 4712." + std::to_string(i);
      lease = co_await frozen(name);
      lease.reset();
      co_await wait_until_gone(name);
    }

    lease = co_await frozen("sleep 4713.5");
    ::kill(testing::process_of("sleep 4713.5", 2), SIGKILL);
    for (;;) {
      Event event = co_await lease->next();
      if (const auto* outcome = std::get_if<Outcome>(&event)) {
        EXPECT_EQ(outcome->ended, Ended::lost);
      }
      if (std::holds_alternative<Collected>(event)) break;
    }
    lease.reset();
    co_await wait_until_gone("sleep 4713.5");
  });
  EXPECT_EQ(pausing_engine->reason, "");
}

// The last one here: nothing can be run afterwards.
TEST_F(PausedProgram, LeavesNothingWhenSandboxdIsKilled) {
  pausing_engine->wait([]() -> awaitable<void> {
    auto lease = co_await frozen("sleep 4714.5");
    ::kill(testing::process_of("sleep 4714.5", 3), SIGKILL);
    co_await wait_until_gone("sleep 4714.5");
  });
  EXPECT_EQ(pausing_engine->reason, "");
}

}  // namespace
}  // namespace ci::pool
