#include "runner/runner.h"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include "base/failure.h"
#include "base/run_until.h"
#include "execution/testing/fake_pool.h"
#include "pool/stream/event_stream.h"
#include "pool/stream/frames.h"
#include "pool/stream/program_source.h"
#include "pool/stream/texts.h"

namespace ci::runner {
namespace {

using execution::testing::Act;
using execution::testing::FakePool;
using testing::HasSubstr;
namespace json = boost::json;

struct Reply {
  int status = 0;
  std::string body;
};

class Collecting final : public net::BodyWriter {
 public:
  awaitable<void> write(std::string_view bytes) override {
    all += bytes;
    co_return;
  }
  std::string all;
};

class RunnerTest : public testing::Test {
 protected:
  RunnerTest() {
    settings_.language = "py";
    settings_.token = "secret";
    settings_.spool = testing::TempDir();
  }

  void prepare() {
    runner_.emplace(context_.get_executor(), pool_, blocking_, settings_);
    run(runner_->prepare());
  }

  void run(awaitable<void> work) {
    std::exception_ptr failure;
    bool done = false;
    asio::co_spawn(context_, std::move(work), [&](std::exception_ptr error) {
      failure = error;
      done = true;
    });
    run_until(context_, [&] { return done; });
    if (failure) std::rethrow_exception(failure);
  }

  awaitable<void> exchange(net::Request& request, Reply& reply) {
    net::Response response = co_await runner_->handle(request);
    reply.status = response.status;
    if (const auto* text = std::get_if<std::string>(&response.body)) reply.body = *text;
    if (const auto* stream = std::get_if<net::StreamBody>(&response.body)) {
      Collecting writer;
      co_await (*stream)(writer);
      reply.body = writer.all;
    }
    if (auto* source = std::get_if<net::SourceBody>(&response.body)) {
      std::vector<std::byte> piece(1000);
      while (const std::size_t count = co_await source->source->read_some(piece))
        reply.body.append(reinterpret_cast<const char*>(piece.data()), count);
    }
  }

  Reply ask(
      const char* method, std::string path, std::string body = "", std::string token = "secret",
      std::string type = "") {
    net::Request request;
    request.method = method;
    request.path = path;
    for (std::size_t at = 1; at < path.size();) {
      const std::size_t end = std::min(path.find('/', at), path.size());
      request.segments.push_back(path.substr(at, end - at));
      at = end + 1;
    }
    if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
    if (!type.empty()) request.headers.set("Content-Type", type);
    StringSource source(std::move(body));
    request.body = &source;
    Reply reply;
    run(exchange(request, reply));
    return reply;
  }

  awaitable<void> add(ByteSource& source, std::string& all) {
    std::vector<std::byte> piece(1000);
    while (const std::size_t count = co_await source.read_some(piece))
      all.append(reinterpret_cast<const char*>(piece.data()), count);
  }

  std::string program(std::string language, std::string code) {
    pool::Program wanted;
    wanted.code = std::move(code);
    wanted.time_limit = std::chrono::seconds(100);
    wanted.output_file_limit = 1000;
    wanted.output_file_count = 5;
    auto body = std::make_unique<pool::OpenBody>(std::make_unique<StringSource>("sent"));
    wanted.inputs.emplace_back(*RelativePath::parse("in"), std::move(body), 4, false);
    pool::ProgramSource source(language, std::move(wanted));
    std::string all;
    run(add(source, all));
    return all;
  }

  asio::io_context context_;
  asio::thread_pool blocking_{1};
  FakePool pool_;
  RunnerSettings settings_;
  std::optional<Runner> runner_;
};

TEST_F(RunnerTest, RunsWhatComesAsOneRequest) {
  pool_.script = [](Act& act) {
    act.print(pool::Stream::out, act.inputs.at("in"));
    act.exit(3);
    act.leave("made", "left");
  };
  prepare();
  EXPECT_EQ(pool_.leases, 1) << "it waits with its sandbox";
  const Reply reply = ask("POST", "/run", program("py", "code"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.body.starts_with(pool::frame_bytes(pool::FrameTag::out, "sent")));
  EXPECT_THAT(reply.body, HasSubstr(R"("exit_code":3)"));
  EXPECT_THAT(reply.body, HasSubstr(pool::frame_bytes(pool::FrameTag::data, "left")));
  EXPECT_EQ(pool_.acts.at(0).code, "code");
  EXPECT_EQ(pool_.acts.at(0).time_limit, settings_.time_limit) << "no longer than the runner's own";
  EXPECT_EQ(pool_.leases, 0);
  EXPECT_TRUE(runner_->has_had_run());
}

TEST_F(RunnerTest, HasOneRun) {
  prepare();
  EXPECT_EQ(ask("POST", "/run", program("py", "1")).status, 200);
  EXPECT_EQ(ask("POST", "/run", program("py", "2")).status, 409);
  EXPECT_EQ(ask("POST", "/execute", R"({"code": "3"})").status, 409);
  EXPECT_EQ(ask("POST", "/word", pool::word_text(pool::Interrupt())).status, 409);
  EXPECT_EQ(pool_.acquired, 1);
}

TEST_F(RunnerTest, TakesASandboxOfTheLanguageThatIsAskedFor) {
  prepare();
  EXPECT_EQ(ask("POST", "/run", program("bash", "1")).status, 200);
  EXPECT_EQ(pool_.demands.at(1).language, "bash");
}

TEST_F(RunnerTest, DoesNothingWithoutTheToken) {
  prepare();
  for (const char* token : {"", "wrong", "secret2", "secre"}) {
    EXPECT_EQ(ask("POST", "/run", program("py", "1"), token).status, 401) << token;
    EXPECT_EQ(ask("GET", "/files", "", token).status, 401) << token;
    EXPECT_EQ(ask("GET", "/ready", "", token).status, 200) << token;
  }
  EXPECT_TRUE(pool_.acts.empty());
}

TEST_F(RunnerTest, RefusesWhatIsNoRunAndStillHasItsSandbox) {
  prepare();
  for (const std::string& wrong : {std::string(), std::string("x"), pool::frame_bytes(pool::FrameTag::program, "{}")})
    EXPECT_EQ(ask("POST", "/run", wrong).status, 400) << wrong;
  EXPECT_EQ(ask("POST", "/run", program("cobol", "1")).status, 400);
  EXPECT_EQ(ask("POST", "/run", program("py", "1")).status, 200);
}

TEST_F(RunnerTest, IsNotReadyWithoutItsSandbox) {
  runner_.emplace(context_.get_executor(), pool_, blocking_, settings_);
  EXPECT_EQ(ask("GET", "/ready").status, 503);
  EXPECT_EQ(ask("GET", "/health").status, 200);
  run(runner_->prepare());
  EXPECT_EQ(ask("GET", "/ready").status, 200);
  pool_.dead_at_once = 1;
  EXPECT_EQ(ask("GET", "/ready").status, 503);
}

TEST_F(RunnerTest, AnswersTheRequestsOfTheRunnerBeforeIt) {
  pool_.script = [](Act& act) {
    act.print(pool::Stream::out, act.inputs.at("up.txt"));
    act.exit(0);
    act.keep("up.txt");
    act.leave("d/f", "1");
  };
  prepare();
  const std::string form =
      "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"up.txt\"\r\n\r\nsent\r\n--b--\r\n";
  const Reply uploaded = ask("POST", "/files", form, "secret", "multipart/form-data; boundary=b");
  EXPECT_EQ(uploaded.body, R"({"uploaded":[{"name":"up.txt","path":"/mnt/data/up.txt","size":4}]})");
  const Reply done = ask("POST", "/execute", R"({"code": "x", "timeout": 0, "unknown": 1})");
  const json::object result = json::parse(done.body).as_object();
  EXPECT_EQ(result.at("exit_code").as_int64(), 0);
  EXPECT_EQ(result.at("stdout").as_string(), "sent");
}

TEST_F(RunnerTest, SaysWhatIsWrongWithThoseRequests) {
  prepare();
  EXPECT_EQ(ask("POST", "/files", "x").status, 400);
  EXPECT_EQ(ask("POST", "/execute", "no json").status, 400);
  EXPECT_THAT(
      ask("POST", "/execute", R"({"code": "1", "language": "cobol"})").body, HasSubstr("Unsupported language: cobol"));
  EXPECT_EQ(ask("GET", "/files/absent").status, 404);
  EXPECT_EQ(ask("DELETE", "/files").status, 403);
  EXPECT_EQ(ask("GET", "/files/..").status, 403);
  EXPECT_EQ(ask("GET", "/nowhere").status, 404);
  EXPECT_EQ(ask("GET", "/files").body, R"({"files":[]})");
}

}  // namespace
}  // namespace ci::runner
