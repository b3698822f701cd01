// A run in a sandbox of this machine, as readers see it. Skips where the host has none.
#include <gmock/gmock.h>

#include "execution/runs.h"
#include "execution/testing/kept_records.h"
#include "pool/testing/engine.h"
#include "store/open.h"
#include "store/testing/loop.h"

namespace ci::execution {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;

sandbox::SandboxdSettings only_python() {
  sandbox::SandboxdSettings settings = pool::testing::Engine::small_sandboxes(RUNTIMES_DIRECTORY);
  settings.languages = {"py"};
  settings.python_levels = {"stdlib"};
  return settings;
}

pool::testing::Engine* const engine = static_cast<pool::testing::Engine*>(
    ::testing::AddGlobalTestEnvironment(new pool::testing::Engine(only_python(), {})));

// Calls 1, prints what it is answered, and goes on for ever.
constexpr std::string_view asking = R"(
import os, struct
print("asking", flush=True)
os.write(5, struct.pack("<II", 11, 1) + b"weather")
size, number = struct.unpack("<II", os.read(6, 8))
print("got", os.read(6, size - 4).decode(), flush=True)
while True: pass
)";

class RealRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!engine->missing().empty()) GTEST_SKIP() << engine->missing();
    store_ = store::open_sqlite(directory_.path() / "records", *engine->blocking);
    bodies_ = store::open_filesystem(directory_.path() / "files", *engine->blocking);
    sessions_.emplace(*store_, files::SessionSettings());
    files_.emplace(*store_, *bodies_);
    executions_.emplace(*engine->pool, *sessions_, *files_, *engine->blocking, ExecutionSettings());
    runs_.emplace(engine->io.get_executor(), *executions_, records_, RunsSettings());
  }
  void TearDown() override {
    if (runs_) engine->wait([this]() -> awaitable<void> { co_await runs_->stop(); });
  }

  std::shared_ptr<execution::Run> start(std::string_view code) {
    ExecutionRequest request;
    request.language = "py";
    request.code = code;
    request.calls = true;
    request.time_limit = 60s;
    request.caller = files::Caller("env", "");
    RunOptions options;
    options.owner = "env";
    options.abandoned = Abandoned::keep;
    options.live = true;
    return runs_->start(std::move(request), std::move(options));
  }

  // Reads until an event that is `last`. What was printed on standard output (on the other Python says where it was), and marks in brackets for everything else.
  static awaitable<std::string> read_until(Run::Reader& reader, std::string last) {
    std::string seen;
    while (!seen.ends_with(last)) {
      const std::optional<RunEvent> event = co_await reader.next(after(60s));
      if (!event) co_return seen + "[nothing]";
      if (const auto* printed = std::get_if<Printed>(&event->what))
        seen += printed->stream == pool::Stream::out ? printed->text : "";
      else if (const auto* call = std::get_if<pool::Call>(&event->what))
        seen += "[" + call->request + "]";
      else if (std::holds_alternative<Paused>(event->what))
        seen += "[paused]";
      else if (std::holds_alternative<Resumed>(event->what))
        seen += "[resumed]";
      else if (!std::holds_alternative<Phase>(event->what))
        seen += "[ended]";
    }
    co_return seen;
  }
  std::string read(Run::Reader& reader, std::string last) {
    std::string seen;
    engine->wait([&]() -> awaitable<void> { seen = co_await read_until(reader, last); });
    return seen;
  }

  store::testing::TemporaryDirectory directory_;
  std::unique_ptr<store::KeyValueStore> store_;
  std::unique_ptr<store::ObjectStore> bodies_;
  std::optional<files::Sessions> sessions_;
  std::optional<files::SessionFiles> files_;
  testing::KeptRecords records_;
  std::optional<Executions> executions_;
  std::optional<Runs> runs_;
};

TEST_F(RealRuns, IsPausedResumedAndCancelledWhileOneReaderLooksAndOneIsSlowAndOneIsGone) {
  const std::shared_ptr<execution::Run> run = start(asking);
  Run::Reader quick(run, Lag::wait), slow(run, Lag::lose);
  auto gone = std::make_unique<Run::Reader>(run, Lag::wait);
  EXPECT_EQ(read(quick, "[weather]"), "asking\n[weather]");
  gone.reset();
  EXPECT_EQ(executions_->running(), 1u);

  run->pause(1min);
  EXPECT_EQ(read(quick, "[paused]"), "[paused]");
  EXPECT_EQ(executions_->running(), 0u);
  const std::shared_ptr<execution::Run> other = start("print('other')");
  Run::Reader others(other, Lag::wait);
  EXPECT_EQ(read(others, "[ended]"), "other\n[ended]");

  std::vector<pool::Answer> answers;
  answers.emplace_back(1, "sun");
  run->resume(std::move(answers), 30s);
  EXPECT_EQ(read(quick, "sun\n"), "[resumed]got sun\n");
  EXPECT_EQ(executions_->running(), 1u);

  EXPECT_TRUE(run->cancel());
  EXPECT_EQ(read(quick, "[ended]"), "[ended]");
  EXPECT_EQ(run->result().outcome.ended, pool::Ended::interrupted);
  EXPECT_EQ(run->result().out, "asking\ngot sun\n");
  EXPECT_EQ(read(slow, "[ended]"), "asking\n[weather][paused][resumed]got sun\n[ended]");
}

TEST_F(RealRuns, APauseThatIsTooLongEndsIt) {
  const std::shared_ptr<execution::Run> run = start(asking);
  Run::Reader reader(run, Lag::wait);
  read(reader, "[weather]");
  run->pause(200ms);
  EXPECT_EQ(read(reader, "[ended]"), "[paused][ended]");
  EXPECT_EQ(run->result().outcome.ended, pool::Ended::interrupted);
  EXPECT_EQ(run->result().out, "asking\n");
}

}  // namespace
}  // namespace ci::execution
