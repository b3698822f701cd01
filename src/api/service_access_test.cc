#include "api/service_fixture.h"

namespace ci::api {
namespace {

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

}  // namespace
}  // namespace ci::api
