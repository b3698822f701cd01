#include "api/service_fixture.h"

namespace ci::api {
namespace {

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

TEST_F(ServiceTest, ARunGetsTheSetOfPackagesThatItNames) {
  pool_.sets = {"data", "web"};
  const auto status = [this](const char* packages) {
    return post("/exec", std::string(R"({"lang":"py","code":"1","packages":)") + packages + "}").status;
  };
  for (const char* packages : {R"("web")", "null", R"("")"}) EXPECT_EQ(status(packages), 200) << packages;
  ASSERT_EQ(pool_.demands.size(), 3u);
  EXPECT_EQ(pool_.demands[0].packages, "web");
  EXPECT_EQ(pool_.demands[1].packages, "");
  EXPECT_EQ(pool_.demands[2].packages, "");
  EXPECT_EQ(status("5"), 422);
  EXPECT_EQ(status(R"(["web"])"), 422);
  const Answer unknown = post("/exec", R"({"lang":"py","code":"1","packages":"../data"})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.json.at("error").as_string(), "Unknown set of packages: ../data");
  EXPECT_EQ(
      unknown.json.at("details").at(0).at("message").as_string(),
      "There is no set of packages '../data'; there are: data, web");
  pool_.sets.clear();
  EXPECT_EQ(status(R"("web")"), 400);
  EXPECT_EQ(pool_.demands.size(), 3u);
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
