#include "api/service.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "api/errors.h"
#include "api/upload.h"
#include "base/sha256.h"
#include "execution/testing/fake_pool.h"
#include "store/open.h"
#include "store/testing/hooked_stores.h"
#include "store/testing/loop.h"

namespace ci::api {
namespace {

using execution::testing::Act;
using pool::Stream;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* key = "k-0123456789abcdef";

class CollectingWriter final : public net::BodyWriter {
 public:
  awaitable<void> write(std::string_view bytes) override {
    text += bytes;
    co_return;
  }
  std::string text;
};

class ServiceTest : public ::testing::Test {
 protected:
  struct Answer {
    Answer() = default;
    int status = 0;
    net::Headers headers;
    std::string text;
    boost::json::value json;
  };

  net::Request request(const std::string& method, const std::string& path) {
    net::Request made;
    made.method = method;
    made.path = path;
    for (std::size_t begin = 1; begin < path.size();) {
      const std::size_t end = std::min(path.find('/', begin), path.size());
      made.segments.push_back(path.substr(begin, end - begin));
      begin = end + 1;
    }
    made.id = "request-id";
    made.peer = asio::ip::make_address("192.0.2.1");
    made.headers.add("X-API-Key", key);
    return made;
  }

  Answer send(net::Request wanted, std::string body = {}) {
    StringSource source(std::move(body));
    wanted.body = &source;
    return loop_.run(answer_to(service(), wanted));
  }
  Answer post(const std::string& path, std::string body, const std::string& type = "application/json") {
    net::Request wanted = request("POST", path);
    wanted.headers.add("Content-Type", type);
    return send(std::move(wanted), std::move(body));
  }
  Answer get(const std::string& path) { return send(request("GET", path)); }

  static awaitable<Answer> answer_to(Service& service, net::Request& wanted) {
    Answer answer;
    net::Response response = co_await service.handle(wanted);
    answer.status = response.status;
    answer.headers = response.headers;
    if (auto* text = std::get_if<std::string>(&response.body)) answer.text = *text;
    if (auto* source = std::get_if<net::SourceBody>(&response.body)) {
      std::string all = co_await store::testing::read_all(*source->source);
      answer.text = std::move(all);
    }
    if (auto* stream = std::get_if<net::StreamBody>(&response.body)) {
      CollectingWriter writer;
      co_await (*stream)(writer);
      answer.text = std::move(writer.text);
    }
    boost::system::error_code not_json;
    answer.json = boost::json::parse(answer.text, not_json);
    co_return answer;
  }

  // Made on first use, so that a test may change the settings before.
  Service& service() {
    if (!service_) {
      service_.emplace(executions_, runs_, sessions_, files_, states_, keys_, pool_, settings_);
      service_->set_ready(true);
    }
    return *service_;
  }

  static state::StateSettings without_memory() {
    state::StateSettings settings;
    settings.memory = 0;
    return settings;
  }

  ~ServiceTest() override { loop_.run(runs_.stop()); }

  store::testing::TemporaryDirectory directory_;
  store::testing::Loop loop_;
  std::unique_ptr<store::KeyValueStore> records_ = store::open_sqlite(directory_.path() / "records", loop_.pool());
  std::unique_ptr<store::ObjectStore> bodies_ = store::open_filesystem(directory_.path() / "files", loop_.pool());
  files::Sessions sessions_{*records_, files::SessionSettings()};
  files::SessionFiles files_{*records_, *bodies_};
  state::Turns turns_{loop_.executor(), *records_, state::TurnSettings()};
  store::testing::HookedRecords records_of_states_{*records_};
  state::States states_{records_of_states_, *bodies_, loop_.pool(), turns_, without_memory()};
  execution::testing::FakePool pool_;
  execution::Executions executions_{pool_, sessions_, files_, loop_.pool(), execution::ExecutionSettings()};
  metrics::RunLog run_log_;
  execution::Runs runs_{loop_.executor(), executions_, run_log_};
  access::ApiKeys keys_{{key}};
  ApiSettings settings_;
  std::optional<Service> service_;
};

std::string form(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string body;
  for (const auto& [parameters, content] : parts) {
    body += "--b\r\nContent-Disposition: form-data; " + parameters + "\r\n\r\n" + content + "\r\n";
  }
  return body + "--b--\r\n";
}
constexpr const char* form_type = "multipart/form-data; boundary=b";

TEST_F(ServiceTest, RunsCode) {
  pool_.script = [](Act& act) {
    act.print(Stream::out, "42");
    act.exit(0);
  };
  const Answer answer = post("/exec", R"({"lang":"py","code":"print 42","args":["a"]})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json.at("stdout").as_string(), "42\n");
  EXPECT_THAT(std::string(*answer.headers.find("Server-Timing")), HasSubstr("acquire;dur="));
  EXPECT_THAT(std::string(*answer.headers.find("Server-Timing")), HasSubstr("total;dur="));
  EXPECT_EQ(answer.headers.find("X-Request-ID"), "request-id");
  EXPECT_EQ(pool_.acts.at(0).arguments, std::vector<std::string>{"a"});
}

TEST_F(ServiceTest, SendsSpacesWhileAProgramRunsLong) {
  settings_.keep_alive = std::chrono::seconds(1);
  pool_.script = [](Act& act) {
    act.print(Stream::out, "late");
    act.pause = std::chrono::milliseconds(2500);
    act.exit(0);
  };
  const Answer answer = post("/exec", R"({"lang":"py","code":"x"})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.text, StartsWith("  {"));
  EXPECT_EQ(answer.json.at("stdout").as_string(), "late\n");
}

TEST_F(ServiceTest, RefusesBeforeItStreams) {
  settings_.keep_alive = std::chrono::seconds(1);
  pool_.exhausted = true;
  const Answer answer = post("/exec", R"({"lang":"py","code":"x"})");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.json.at("error_type").as_string(), "service_unavailable");
  EXPECT_TRUE(answer.headers.find("Retry-After"));
}

TEST_F(ServiceTest, ARouteThatCostsIsChargedOnceItIsKnownWhoAsks) {
  std::vector<std::string> charged;
  bool spent = false;
  Charge charge = [&](const access::Principal& principal, Cost cost) -> awaitable<void> {
    EXPECT_EQ(cost, Cost::run);
    charged.push_back(principal.short_hash);
    if (spent) throw ApiError::rate_limited("Too many runs", std::chrono::seconds(7));
    co_return;
  };
  service().set_charge(std::move(charge));
  const std::string body = R"({"lang":"py","code":"x"})";
  EXPECT_EQ(post("/exec", body).status, 200);
  EXPECT_THAT(charged, ::testing::ElementsAre(sha256_hex(key).substr(0, 16)));
  // What costs nothing, is not there, or comes from nobody that we know.
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(get("/files/unknown").status, 200);
  EXPECT_EQ(get("/exec").status, 405);
  net::Request stranger = request("POST", "/exec");
  stranger.headers.set("X-API-Key", "wrong");
  stranger.headers.add("Content-Type", "application/json");
  EXPECT_EQ(send(std::move(stranger), body).status, 401);
  EXPECT_EQ(charged.size(), 1u);
  // One that may not go on starts nothing.
  spent = true;
  EXPECT_EQ(post("/exec", body).status, 429);
  EXPECT_EQ(pool_.acquired, 1);
}

TEST_F(ServiceTest, AClientThatLeavesEndsItsRun) {
  pool_.script = [](Act& act) { act.forever = true; };
  net::Request wanted = request("POST", "/exec");
  wanted.headers.add("Content-Type", "application/json");
  StringSource source(R"({"lang":"py","code":"x"})");
  wanted.body = &source;
  EXPECT_FALSE(loop_.run(until(after(std::chrono::milliseconds(100)), answer_to(service(), wanted))));
  EXPECT_EQ(pool_.acquired, 1);
  // Its program is told, and ended then.
  for (int i = 0; i < 2000 && pool_.leases > 0; ++i) loop_.run(sleep_for(std::chrono::milliseconds(5)));
  EXPECT_EQ(pool_.leases, 0);
}

TEST_F(ServiceTest, TellsWhoMayNotCall) {
  net::Request wanted = request("GET", "/files/abc");
  wanted.headers.set("X-API-Key", "wrong");
  EXPECT_EQ(send(std::move(wanted)).json.at("error").as_string(), "Invalid API key");
  wanted = request("GET", "/files/abc");
  wanted.headers.set("X-API-Key", "");
  const Answer missing = send(std::move(wanted));
  EXPECT_EQ(missing.status, 401);
  EXPECT_EQ(missing.json.at("error").as_string(), "Missing API key");
  EXPECT_EQ(missing.headers.find("X-Content-Type-Options"), "nosniff");

  wanted = request("POST", "/exec");
  wanted.headers.set("X-API-Key", "");
  wanted.headers.add("Content-Type", "application/json; charset=utf-8");
  EXPECT_EQ(send(std::move(wanted), std::string(R"({"lang":"py","code":"1","api_key":")") + key + "\"}").status, 200);

  EXPECT_EQ(post("/exec", "<x/>", "application/xml").status, 415);
  EXPECT_EQ(get("/nowhere").json.at("detail").as_string(), "Not Found");
  const Answer method = get("/exec");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.headers.find("Allow"), "POST");
}

TEST_F(ServiceTest, LimitsFailuresOfOneAddress) {
  settings_.failure_limit = 2;
  const auto attempt = [&](const char* with) {
    net::Request wanted = request("GET", "/files/abc");
    wanted.headers.set("X-API-Key", with);
    return send(std::move(wanted));
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(attempt("wrong").status, 401) << "the same key counts once";
  EXPECT_EQ(attempt("also wrong").status, 401);
  const Answer limited = attempt("wrong");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.json.at("error").as_string(), "rate_limited");
  EXPECT_GT(limited.json.at("retry_after_seconds").as_int64(), 0);
  EXPECT_EQ(limited.headers.find("Retry-After"), std::to_string(limited.json.at("retry_after_seconds").as_int64()));
  EXPECT_EQ(attempt(key).status, 200);
  EXPECT_EQ(attempt("").status, 401) << "who sends no key must set one, not wait";
  // In the body, too.
  const auto run = [&](const std::string& body) {
    net::Request wanted = request("POST", "/exec");
    wanted.headers.set("X-API-Key", "");
    wanted.headers.add("Content-Type", "application/json");
    return send(std::move(wanted), body).status;
  };
  EXPECT_EQ(run(R"({"lang":"py","code":"1"})"), 401);
  EXPECT_EQ(run(std::string(R"({"lang":"py","code":"1","api_key":")") + key + "\"}"), 200);
}

TEST_F(ServiceTest, RequestsWithoutAKeyCountAsFailures) {
  settings_.failure_limit = 3;
  const auto attempt = [&](const char* with) {
    net::Request wanted = request("GET", "/files/abc");
    wanted.headers.set("X-API-Key", with);
    return send(std::move(wanted)).status;
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(attempt(""), 401);
  EXPECT_EQ(attempt("wrong"), 429);
}

TEST_F(ServiceTest, RefusesWhatWouldRunElsewhere) {
  const auto run = [&](const std::string& path, const std::string& header, const std::string& value) {
    net::Request wanted = request("POST", path);
    wanted.headers.add("Content-Type", "application/json");
    if (!header.empty()) wanted.headers.add(header, value);
    return send(std::move(wanted), "not even JSON");
  };
  for (const char* name : {"X-LibreChat-Code-Workspace-ID", "x-librechat-code-worker-id"}) {
    const Answer refused = run("/exec", name, "w-1");
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(refused.json.at("error").as_string(), "unsupported_capability");
    EXPECT_EQ(refused.json.at("error_type").as_string(), "resource_conflict");
    EXPECT_FALSE(refused.json.as_object().contains("code"));
    EXPECT_EQ(run("/exec", name, "").status, 422);
  }
  for (const char* path : {"/exec/programmatic", "/exec/programmatic/cancel"}) {
    EXPECT_EQ(run(path, "", "").json.at("error").as_string(), "unsupported_capability") << path;
  }
  EXPECT_TRUE(pool_.acts.empty());
  net::Request list = request("GET", "/files/abc");
  list.headers.add("X-LibreChat-Code-Worker-ID", "w-1");
  EXPECT_EQ(send(std::move(list)).status, 200);
}

TEST_F(ServiceTest, SaysWhichProfileItIs) {
  const auto ask = [&](const std::string& path, const std::string& profile) {
    const bool runs = path == "/exec";
    net::Request wanted = request(runs ? "POST" : "GET", path);
    if (runs) wanted.headers.add("Content-Type", "application/json");
    if (!profile.empty()) wanted.headers.add("X-CodeAPI-Expected-Profile", profile);
    return send(std::move(wanted), R"({"lang":"py","code":"1","runtime_session_hint":"trip"})");
  };
  const auto profile_of = [](const Answer& answer) { return answer.headers.find("X-CodeAPI-Execution-Profile"); };
  EXPECT_EQ(profile_of(ask("/exec", "")), "default");
  EXPECT_EQ(ask("/exec", "").json.as_object().contains("runtime_session_id"), true);
  EXPECT_EQ(ask("/exec", "default").json.as_object().contains("runtime_session_id"), false)
      << "the client wants no named session";
  const Answer stateful = ask("/exec", "stateful");
  EXPECT_EQ(stateful.status, 200);
  EXPECT_EQ(profile_of(stateful), "stateful");
  EXPECT_TRUE(stateful.json.as_object().contains("runtime_session_id"));
  EXPECT_EQ(profile_of(ask("/nowhere", "stateful")), "stateful");
  EXPECT_EQ(ask("/files/abc", "fast").status, 200);
  const Answer wrong = ask("/exec", "fast");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(profile_of(wrong), "default");
  EXPECT_EQ(wrong.json.at("error").as_string(), "invalid_execution_profile");
  EXPECT_EQ(wrong.json.at("expected_profile").as_string(), "fast");
  EXPECT_EQ(wrong.json.at("actual_profile").as_string(), "default");
  EXPECT_FALSE(wrong.json.at("message").as_string().empty());
}

TEST_F(ServiceTest, WithoutNamedSessionsThereIsNoStatefulProfile) {
  settings_.named_sessions = false;
  net::Request wanted = request("POST", "/exec");
  wanted.headers.add("Content-Type", "application/json");
  wanted.headers.add("X-CodeAPI-Expected-Profile", "stateful");
  const Answer refused = send(std::move(wanted), R"({"lang":"py","code":"1"})");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.json.at("error").as_string(), "execution_profile_mismatch");
  EXPECT_EQ(refused.json.at("expected_profile").as_string(), "stateful");
  EXPECT_EQ(refused.json.at("actual_profile").as_string(), "default");
  net::Request list = request("GET", "/files/abc");
  list.headers.add("X-CodeAPI-Expected-Profile", "stateful");
  EXPECT_EQ(send(std::move(list)).status, 200);
}

TEST_F(ServiceTest, RefusalsAreShortWhateverTheyRepeat) {
  const std::string long_text(1 << 20, '\1');
  const auto body = [&](const std::string& field) {
    boost::json::object request = {{"lang", "py"}, {"code", "1"}};
    if (field == "lang") request["lang"] = "ä" + long_text;
    if (field == "files") {
      auto& files = request["files"].emplace_array();
      for (int i = 0; i < 20000; ++i) files.emplace_back(i);
    }
    return boost::json::serialize(request);
  };
  for (const char* field : {"lang", "files"}) {
    const Answer refused = post("/exec", body(field));
    EXPECT_THAT(refused.status, ::testing::AnyOf(400, 422));
    EXPECT_LT(refused.text.size(), 64u << 10);
    EXPECT_FALSE(refused.json.at("details").as_array().empty());
  }
  EXPECT_LT(post("/exec", "", "x/" + std::string(40000, 'y')).text.size(), 64u << 10);
}

TEST_F(ServiceTest, ProbesAreFree) {
  const auto probe = [&](const char* path) {
    net::Request wanted = request("GET", path);
    wanted.headers.set("X-API-Key", "");
    return send(std::move(wanted));
  };
  EXPECT_EQ(probe("/health").json.at("status").as_string(), "healthy");
  EXPECT_EQ(probe("/ready").status, 200);
  service().set_stopping();
  EXPECT_EQ(probe("/health").status, 200);
  EXPECT_EQ(probe("/ready").status, 503);
  EXPECT_EQ(post("/exec", R"({"lang":"py","code":"1"})").json.at("error").as_string(), "Service is shutting down");
}

TEST_F(ServiceTest, WhileNothingCanBeRunARunIsWorthAnotherTry) {
  pool_.down = "no namespaces here";
  const Answer answer = post("/exec", R"({"lang":"py","code":"x"})");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.json.at("error").as_string(), "no namespaces here");
  EXPECT_TRUE(answer.headers.find("Retry-After"));
}

TEST_F(ServiceTest, TellsHowEachPartDoes) {
  bool works = true;
  int asked = 0;
  std::function<awaitable<store::Facts>()> question = [&]() -> awaitable<store::Facts> {
    ++asked;
    if (!works) throw Failure(FailureKind::unavailable, "no route");
    store::Facts facts;
    facts.emplace_back("version", "7.0.15");
    facts.emplace_back("connected_clients", std::int64_t{4});
    co_return facts;
  };
  service().add_check(HealthCheck("redis", std::chrono::seconds(1), question));
  pool_.counted.languages["py"] = {3, 2, 1, 5};
  pool_.counted.exhaustions = 7;
  Answer answer = get("/health/detailed");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json.at("status").as_string(), "healthy");
  EXPECT_EQ(answer.json.at("summary").at("healthy_services").as_int64(), 3);
  const auto& redis = answer.json.at("services").at("redis").at("details");
  EXPECT_EQ(redis.at("version").as_string(), "7.0.15");
  EXPECT_EQ(redis.at("connected_clients").as_int64(), 4);
  EXPECT_EQ(get("/health/sqlite").json.at("service").as_string(), "redis");
  const auto& pool = answer.json.at("services").at("pod_pool").at("details");
  EXPECT_EQ(pool.at("total_in_use").to_number<int>(), 2);
  EXPECT_EQ(pool.at("exhaustions").to_number<int>(), 7);
  EXPECT_EQ(pool.at("languages").at("py").at("target_size").to_number<int>(), 5);

  works = false;
  EXPECT_EQ(get("/health/detailed").status, 200);  // kept
  EXPECT_EQ(asked, 1);
  net::Request wanted = request("GET", "/health/detailed");
  wanted.query.emplace_back("use_cache", "false");
  answer = send(std::move(wanted));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.json.at("status").as_string(), "unhealthy");
  EXPECT_EQ(answer.json.at("services").at("redis").at("error").as_string(), "no route");
  EXPECT_EQ(get("/health/redis").status, 503);
  EXPECT_EQ(get("/health/pod_pool").status, 200);
  EXPECT_EQ(get("/health/nothing").status, 404);
  net::Request stranger = request("GET", "/health/detailed");
  stranger.headers.set("X-API-Key", "");
  EXPECT_EQ(send(std::move(stranger)).status, 401);
}

TEST_F(ServiceTest, TellsMoreForDebugging) {
  EXPECT_EQ(get("/config").status, 404);
  EXPECT_FALSE(get("/health").headers.find("X-Response-Time-Ms"));
  settings_.debug = true;
  service_.reset();
  const Answer config = get("/config");
  EXPECT_EQ(config.json.at("debug").as_bool(), true);
  EXPECT_EQ(config.json.at("languages").to_number<std::size_t>(), pool_.languages().size());
  EXPECT_EQ(config.json.at("max_execution_time").as_int64(), 30);
  EXPECT_EQ(config.json.at("max_memory_mb").to_number<int>(), 512);
  for (const char* path : {"/health", "/nowhere"}) EXPECT_TRUE(get(path).headers.find("X-Response-Time-Ms")) << path;
}

TEST_F(ServiceTest, ALanguageWithoutAnySandboxIsASignOfTrouble) {
  pool_.counted.languages["py"] = {0, 0, 0, 5};
  const Answer answer = get("/health/detailed");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.find("X-Health-Status"), "degraded");
}

TEST_F(ServiceTest, FilesGoInAndOut) {
  const Answer uploaded = post(
      "/upload",
      form({{"name=\"file\"; filename=\"my file.csv\"", "a,b"}, {"name=\"files\"; filename=\"d/x.md\"", ""}}),
      form_type);
  ASSERT_EQ(uploaded.status, 200) << uploaded.text;
  const std::string session(uploaded.json.at("session_id").as_string());
  const auto& entries = uploaded.json.at("files").as_array();
  EXPECT_EQ(entries.at(0).at("filename").as_string(), "my_file.csv");
  EXPECT_EQ(entries.at(1).at("filename").as_string(), "d/x.md");
  const std::string file(entries.at(0).at("fileId").as_string());

  const Answer listed = get("/files/" + session);
  EXPECT_EQ(listed.json.as_array().size(), 2u);
  EXPECT_EQ(listed.json.at(0).at("metadata").at("original-filename").as_string(), "my file.csv");
  EXPECT_EQ(listed.json.at(0).at("contentType").as_string(), "text/csv");
  EXPECT_EQ(get("/files/unknown").text, "[]");

  const Answer downloaded = get("/download/" + session + "/" + file);
  EXPECT_EQ(downloaded.text, "a,b");
  EXPECT_EQ(downloaded.headers.find("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(get("/sessions/" + session + "/objects/" + file).json.at("size").to_number<int>(), 3);
  EXPECT_EQ(send(request("DELETE", "/files/" + session + "/" + file)).status, 200);
  EXPECT_EQ(get("/download/" + session + "/" + file).status, 404);
  EXPECT_EQ(send(request("DELETE", "/files/" + session + "/" + file)).status, 404);
  EXPECT_EQ(send(request("OPTIONS", "/download/a/b")).status, 204);
}

TEST_F(ServiceTest, FieldsMayFollowTheFiles) {
  const std::pair<std::string, std::string> file("name=\"file\"; filename=\"d/a.txt\"", "x");
  const std::pair<std::string, std::string> entity("name=\"entity_id\"", "agent_1");
  const auto session = [&](std::vector<std::pair<std::string, std::string>> parts) {
    return std::string(post("/upload", form(parts), form_type).json.at("session_id").as_string());
  };
  const std::string first = session({entity, file});
  EXPECT_EQ(session({file, entity}), first);
  EXPECT_NE(session({file, entity, {"name=\"kind\"", "agent"}}), first);
  const Answer listed = get("/files/" + first);
  EXPECT_EQ(listed.json.as_array().size(), 2u);
  const std::string second(listed.json.at(1).at("id").as_string());
  EXPECT_EQ(get("/download/" + first + "/" + second).text, "x");
}

TEST_F(ServiceTest, RefusedUploadsLeaveNothing) {
  settings_.files.file_bytes = 1 << 20;
  settings_.files.files_per_request = 2;
  settings_.files.blocked_patterns = {"*.exe"};
  const std::string large((1 << 20) + 1, 'x');
  const Answer too_large = post(
      "/upload", form({{"name=\"file\"; filename=\"a.txt\"", "x"}, {"name=\"file\"; filename=\"b.txt\"", large}}),
      form_type);
  EXPECT_EQ(too_large.status, 413);
  EXPECT_EQ(too_large.json.at("error").as_string(), "File b.txt exceeds maximum size of 1MB");
  EXPECT_EQ(post("/upload", form({{"name=\"file\"; filename=\"A.EXE\"", "x"}}), form_type).status, 415);
  const std::pair<std::string, std::string> small("name=\"file\"; filename=\"a.txt\"", "x");
  EXPECT_EQ(
      post("/upload", form({small, small, small}), form_type).json.at("error").as_string(),
      "Too many files. Maximum 2 files allowed");
  EXPECT_EQ(post("/upload", form({{"name=\"kind\"", "user"}}), form_type).status, 422);
  EXPECT_EQ(post("/upload", form({small}).substr(0, 60), form_type).status, 400);
  EXPECT_TRUE(loop_.run(bodies_->list("sessions/", "", 100)).objects.empty());
}

TEST_F(ServiceTest, ABatchAnswersForEachFile) {
  settings_.files.file_bytes = 4;
  const Answer answer = post(
      "/upload/batch",
      form(
          {{"name=\"file\"; filename=\"s/a b.md\"", "1"},
           {"name=\"file\"; filename=\"../x\"", "2"},
           {"name=\"file\"; filename=\"large\"", "12345"},
           {"name=\"file\"; filename=\"c.md\"", "3"},
           {"name=\"kind\"", "skill"}}),
      form_type);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.json.at("message").as_string(), "partial_success");
  EXPECT_EQ(answer.json.at("succeeded").as_int64(), 2);
  EXPECT_EQ(answer.json.at("files").at(0).at("filename").as_string(), "s/a b.md");
  EXPECT_EQ(answer.json.at("files").at(1).at("error").as_string(), "Invalid filename");
  EXPECT_EQ(answer.json.at("files").at(3).at("status").as_string(), "success");
  const std::string session(answer.json.at("storage_session_id").as_string());
  const std::string file(answer.json.at("files").at(3).at("fileId").as_string());
  EXPECT_EQ(get("/download/" + session + "/" + file).headers.find("X-Read-Only"), "true");
}

TEST_F(ServiceTest, StrictOwnershipHidesForeignFiles) {
  settings_.strict_ownership = true;
  const Answer uploaded = post("/upload", form({{"name=\"file\"; filename=\"a\"", "x"}}), form_type);
  const std::string session(uploaded.json.at("session_id").as_string());
  EXPECT_EQ(get("/files/" + session).json.as_array().size(), 1u);
  files::Session foreign = sessions_.draft(files::Caller("other", ""), "", false);
  foreign.id = session;
  loop_.run(files_.commit(sessions_.writes_for(foreign)));
  EXPECT_EQ(get("/files/" + session).text, "[]");
  const std::string file(uploaded.json.at("files").at(0).at("fileId").as_string());
  EXPECT_EQ(get("/download/" + session + "/" + file).status, 404);
}

TEST_F(ServiceTest, AnUploadThatMayBeOnRecordKeepsItsBody) {
  store::testing::HookedRecords late(*records_);
  late.after = [](std::string operation, std::string) -> awaitable<void> {
    if (operation == "write") throw Failure(FailureKind::unavailable, "no answer in time");
    co_return;
  };
  files::SessionFiles through(late, *bodies_);
  UploadRoutes routes(sessions_, through, settings_);
  StringSource body(
      "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\ntext\r\n--x--\r\n");
  net::Request wanted = request("POST", "/upload");
  wanted.headers.add("Content-Type", "multipart/form-data; boundary=x");
  wanted.body = &body;
  EXPECT_THROW(loop_.run(routes.upload(wanted)), ApiError);
  const auto bodies = loop_.run(bodies_->list("sessions/", "", 10));
  EXPECT_EQ(bodies.objects.size(), 1u);
}

TEST_F(ServiceTest, ListsTheFilesOfASessionAsLongAsItLasts) {
  const auto change = [&](const std::string& session, store::Fields fields) {
    std::vector<store::Write> writes;
    writes.push_back(store::Write::set_fields("sessions:" + session, std::move(fields)));
    loop_.run(records_->write(std::move(writes)));
  };
  const files::Session session = sessions_.draft(files::Caller("env", ""), "", false);
  std::vector<store::Write> writes = sessions_.writes_for(session);
  files::FileRecord file(*RelativePath::parse("a.txt"));
  file.id = "f";
  file.session = session.id;
  file.object_key = "sessions/" + session.id + "/uploads/f";
  std::ranges::move(files_.writes_for(file), std::back_inserter(writes));
  loop_.run(records_->write(std::move(writes)));

  const std::string path = "/files/" + session.id;
  const auto modified = [&] {
    net::Request wanted = request("GET", path);
    wanted.query.emplace_back("detail", "summary");
    return send(std::move(wanted)).json;
  };
  change(session.id, {{"status", "terminated"}, {"last_activity", "2026-01-09T10:20:55.000000+00:00"}});
  ASSERT_EQ(modified().as_array().size(), 1u);
  EXPECT_THAT(std::string(modified().at(0).at("lastModified").as_string()), StartsWith("2026-01-09T10:20:55"));
  change(session.id, {{"expires_at", "2026-01-10T10:20:55+00:00"}});
  EXPECT_TRUE(get(path).json.as_array().empty());
}

TEST_F(ServiceTest, DoesNotReadAStateThatTheClientHas) {
  EXPECT_EQ(post("/state/s", "\1state").status, 201);
  int reads = 0;
  records_of_states_.before = [&](std::string operation, std::string of) -> awaitable<void> {
    if (operation == "get" && of == state::data_key("s")) ++reads;
    co_return;
  };
  const Answer whole = get("/state/s");
  EXPECT_EQ(whole.text, "\1state");
  EXPECT_EQ(reads, 1);
  net::Request again = request("GET", "/state/s");
  again.headers.add("If-None-Match", std::string(*whole.headers.find("ETag")));
  const Answer nothing = send(std::move(again));
  EXPECT_EQ(nothing.status, 304);
  EXPECT_EQ(nothing.headers.find("ETag"), whole.headers.find("ETag"));
  EXPECT_EQ(reads, 1);
}

}  // namespace
}  // namespace ci::api
