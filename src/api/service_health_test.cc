#include "api/service_fixture.h"

namespace ci::api {
namespace {

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

}  // namespace
}  // namespace ci::api
