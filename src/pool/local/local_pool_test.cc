// The engine for real: sandboxd in a process of its own, sandboxes, guests. Skips where the host cannot.
#include "pool/local/local_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "languages/language.h"
#include "pool/testing/engine.h"

namespace ci::pool {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

struct Result {
  std::string out, err;
  Outcome outcome;
  std::map<std::string, std::string> files;
  std::vector<std::string> gone;
};

PoolSettings small_stock() {
  PoolSettings settings;
  settings.floors = {{"py", 2}, {"bash", 1}, {"js", 1}};
  return settings;
}

testing::Engine* const engine = static_cast<testing::Engine*>(::testing::AddGlobalTestEnvironment(
    new testing::Engine(testing::Engine::small_sandboxes(RUNTIMES_DIRECTORY), small_stock())));

// Bytes that have no descriptor, as those of an object store.
class Zeros final : public ByteSource {
 public:
  explicit Zeros(size_t count) : left_(count) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override {
    const size_t count = std::min(left_, into.size());
    std::ranges::fill(into.first(count), std::byte(0));
    left_ -= count;
    co_return count;
  }

 private:
  size_t left_;
};

class Gone final : public InputBody {
 public:
  awaitable<std::unique_ptr<ByteSource>> open() override { co_return nullptr; }
};

std::vector<InputFile> zeros(const std::map<std::string, size_t>& sizes) {
  std::vector<InputFile> inputs;
  for (const auto& [name, size] : sizes) {
    auto body = std::make_unique<OpenBody>(std::make_unique<Zeros>(size));
    inputs.emplace_back(*RelativePath::parse(name), std::move(body), size, false);
  }
  return inputs;
}

awaitable<Result> run_once(
    std::string language, std::string code, std::chrono::milliseconds limit, std::vector<InputFile> inputs) {
  Demand demand(language, languages::python_imports(code));
  auto lease = co_await engine->pool->acquire(std::move(demand), after(20s));
  Program program;
  program.code = std::move(code);
  program.arguments = {"one", "two words", "ü"};
  program.time_limit = limit;
  program.inputs = std::move(inputs);
  co_await lease->start(std::move(program));
  Result result;
  for (;;) {
    Event event = co_await lease->next();
    if (auto* output = std::get_if<Output>(&event)) {
      (output->stream == Stream::out ? result.out : result.err) += output->bytes;
    } else if (auto* outcome = std::get_if<Outcome>(&event)) {
      result.outcome = *outcome;
    } else if (auto* file = std::get_if<OutputFile>(&event)) {
      std::vector<std::byte> bytes(file->size + 1);
      const size_t count = co_await file->body->read_some(bytes);
      result.files[file->name] = std::string(reinterpret_cast<const char*>(bytes.data()), count);
    } else {
      result.gone = std::get<Collected>(event).gone;
      co_return result;
    }
  }
}

class LocalPool : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!engine->missing().empty()) GTEST_SKIP() << engine->missing();
  }
  Result run(
      const std::string& language, const std::string& code, std::chrono::milliseconds limit = 10s,
      std::vector<InputFile> inputs = {}) {
    Result result;
    engine->reason.clear();
    engine->wait([&]() -> awaitable<void> { result = co_await run_once(language, code, limit, std::move(inputs)); });
    EXPECT_EQ(engine->reason, "");
    return result;
  }
};

TEST_F(LocalPool, RunsEveryLanguageWithArguments) {
  for (const auto& [language, code] : std::map<std::string, std::string>{
           {"py", "import sys; print(sys.argv[1:])"},
           {"js", "console.log(JSON.stringify(process.argv.slice(2)))"},
           {"bash", "printf '%s|' \"$@\""},
       }) {
    const auto here = engine->pool->languages();
    if (std::ranges::find(here, language) == here.end()) continue;
    const Result result = run(language, code);
    EXPECT_EQ(result.outcome.ended, Ended::exited) << language;
    EXPECT_NE(result.out.find("two words"), std::string::npos) << language << ": " << result.out << result.err;
  }
}

TEST_F(LocalPool, HandsOutWhatTheProgramLeft) {
  const Result result =
      run("bash", "mkdir -p a/b; echo deep > a/b/c.txt; : > empty; ln -s /etc/passwd link; echo x > .hidden");
  EXPECT_EQ(result.files, (std::map<std::string, std::string>{{"a/b/c.txt", "deep\n"}, {"empty", ""}}));
}

TEST_F(LocalPool, PlacesSmallAndLargeInputsAndLeavesOutWhatIsGone) {
  auto inputs = zeros({{"small", 100}, {"d/large", 3 << 20}, {"code.sh", 5}});
  inputs.emplace_back(*RelativePath::parse("none"), std::make_unique<Gone>(), 10, false);
  const Result result = run("bash", "stat -c '%s %n' small d/*; ls none", 10s, std::move(inputs));
  EXPECT_EQ(result.out, "100 small\n3145728 d/large\n");
  EXPECT_TRUE(result.outcome.unplaced.empty());
  EXPECT_TRUE(result.gone.empty());
}

TEST_F(LocalPool, GoesWithoutTheInputsThatThereIsNoRoomFor) {
  const Result result = run("bash", "ls", 10s, zeros({{"a", 30 << 20}, {"b", 50 << 20}, {"c", 1000}}));
  EXPECT_EQ(result.out, "a\nc\ncode.sh\n");
  EXPECT_EQ(result.outcome.unplaced, std::vector<std::string>{"b"});
  EXPECT_TRUE(result.gone.empty());
}

TEST_F(LocalPool, TellsWhichInputsTheProgramRemoved) {
  const Result result =
      run("bash", "rm a b/b; mkdir build; mv c build; ln d e; mv f .f; ln -sf /etc/passwd g; truncate -s 20M h", 10s,
          zeros({{"a", 1}, {"b/b", 1}, {"c", 1}, {"d", 1}, {"f", 1}, {"g", 1}, {"h", 1}, {"i", 1}}));
  EXPECT_EQ(
      std::set<std::string>(result.gone.begin(), result.gone.end()), (std::set<std::string>{"a", "b/b", "c", "f"}));
}

TEST_F(LocalPool, KeepsWhatWasPrintedBeforeTheDeadline) {
  const Result result = run("py", "import time\nprint('early')\ntime.sleep(60)", 500ms);
  EXPECT_EQ(result.outcome.ended, Ended::timed_out);
  EXPECT_EQ(result.out, "early\n");
  EXPECT_NE(result.err.find("KeyboardInterrupt"), std::string::npos);
}

TEST_F(LocalPool, EndsAProgramThatIgnoresTheSoftSignal) {
  const Result result = run("bash", "trap '' INT TERM; echo stubborn; while :; do :; done", 300ms);
  EXPECT_EQ(result.outcome.ended, Ended::timed_out);
  EXPECT_EQ(result.out, "stubborn\n");
  EXPECT_LT(result.outcome.wall_time, 3s);
}

TEST_F(LocalPool, TellsWhenMemoryRanOut) {
  const Result result = run("py", "print('start')\na = bytearray(1 << 30)\nprint('never')", 60s);
  EXPECT_TRUE(result.outcome.ended == Ended::out_of_memory || result.err.find("MemoryError") != std::string::npos);
  EXPECT_EQ(result.out, "start\n");
}

TEST_F(LocalPool, LeavesNoProcessBehind) {
  const Result result = run("bash", "(setsid sh -c 'trap \"\" TERM; sleep 600') & echo done");
  EXPECT_EQ(result.out, "done\n");
  EXPECT_LT(result.outcome.wall_time, 5s);
}

TEST_F(LocalPool, EndsASandboxWhoseAgentIsStopped) {
  engine->wait([&]() -> awaitable<void> {
    Demand demand("bash", {});
    auto lease = co_await engine->pool->acquire(std::move(demand), after(20s));
    Program program;
    program.code = "sleep 4711.5 & wait";
    co_await lease->start(std::move(program));
    pid_t agent = 0;
    while ((agent = testing::process_of("sleep 4711.5", 2)) == 0) co_await sleep_for(10ms);
    ::kill(agent, SIGSTOP);
    lease.reset();
    const auto deadline = after(20s);
    while (testing::process_of("sleep 4711.5") != 0 && Clock::now() < deadline) co_await sleep_for(10ms);
  });
  EXPECT_EQ(engine->reason, "");
  EXPECT_EQ(testing::process_of("sleep 4711.5"), 0);
}

TEST_F(LocalPool, WhoMayWaitLongerGetsWhatIsBeingMade) {
  const auto here = engine->pool->languages();
  if (std::ranges::find(here, "c") == here.end()) GTEST_SKIP() << "there is no C compiler";
  engine->reason.clear();
  engine->wait([]() -> awaitable<void> {
    Demand demand("c", {});  // none is kept warm
    demand.longest_wait = after(60s);
    auto lease = co_await engine->pool->acquire(std::move(demand), after(0s));
    EXPECT_TRUE(lease->waits());
  });
  EXPECT_EQ(engine->reason, "");
}

TEST_F(LocalPool, EveryForkDrawsOtherNumbers) {
  std::set<std::string> seen;
  for (int i = 0; i < 5; ++i) seen.insert(run("py", "import random, uuid; print(random.random(), uuid.uuid4())").out);
  EXPECT_EQ(seen.size(), 5u);
}

TEST_F(LocalPool, ReportsTheExit) {
  EXPECT_EQ(run("py", "import sys; sys.exit(7)").outcome.exit_code, 7);
  EXPECT_EQ(run("py", "1/0").outcome.exit_code, 1);
  const Result killed = run("bash", "kill -SEGV $$");
  EXPECT_EQ(killed.outcome.ended, Ended::signalled);
  EXPECT_EQ(killed.outcome.signal, SIGSEGV);
}

TEST_F(LocalPool, TracebacksShowOnlyTheProgram) {
  const Result result = run("py", "def f():\n    raise ValueError('bad')\nf()\n");
  EXPECT_EQ(
      result.err,
      "Traceback (most recent call last):\n"
      "  File \"/mnt/data/.code.py\", line 3, in <module>\n    f()\n"
      "  File \"/mnt/data/.code.py\", line 2, in f\n    raise ValueError('bad')\n"
      "ValueError: bad\n");
}

}  // namespace
}  // namespace ci::pool
