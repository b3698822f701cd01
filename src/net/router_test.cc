#include "net/router.h"

#include <gmock/gmock.h>

namespace ci::net {
namespace {

using testing::ElementsAre;

Handler nothing() {
  return [](Request&) -> awaitable<Response> { co_return Response(); };
}

Router sample() {
  Router router;
  router.add("GET", "/", nothing());
  router.add("GET", "/files/{session}", nothing());
  router.add("DELETE", "/files/{session}/{file}", nothing());
  router.add("GET", "/files/{session}/{file}", nothing());
  router.add("GET", "/files/all", nothing());
  router.add("POST", "/exec", nothing());
  return router;
}

TEST(Router, FindsTheHandlerAndTheCaptures) {
  const Router router = sample();
  const auto match = router.find("GET", "/files/s1/f1");
  ASSERT_NE(match.handler, nullptr);
  EXPECT_EQ(match.pattern, "/files/{session}/{file}");
  EXPECT_THAT(match.captures, ElementsAre("s1", "f1"));
  EXPECT_EQ(router.find("GET", "/").pattern, "/");
}

TEST(Router, PrefersLiteralSegments) {
  EXPECT_EQ(sample().find("GET", "/files/all").pattern, "/files/all");
  EXPECT_EQ(sample().find("GET", "/files/other").pattern, "/files/{session}");
}

TEST(Router, TellsAnUnknownPathFromAnUnknownMethod) {
  const Router router = sample();
  EXPECT_EQ(router.find("PUT", "/exec").handler, nullptr);
  EXPECT_TRUE(router.find("PUT", "/exec").path_known);
  EXPECT_FALSE(router.find("PUT", "/exec/more").path_known);
  EXPECT_FALSE(router.find("POST", "/files").path_known);
  EXPECT_EQ(router.allowed("/files/s1/f1"), "DELETE, GET, HEAD");
  EXPECT_EQ(router.allowed("/none"), "");
}

TEST(Router, AnswersHeadWithGetUnlessThereIsOne) {
  Router router = sample();
  EXPECT_EQ(router.find("HEAD", "/files/s1").pattern, "/files/{session}");
  EXPECT_EQ(router.find("HEAD", "/exec").handler, nullptr);
  router.add("HEAD", "/files/{only}", nothing());
  EXPECT_EQ(router.find("HEAD", "/files/s1").pattern, "/files/{only}");
}

TEST(Router, KeepsAnEncodedSlashInsideItsCapture) {
  Request request;
  request.method = "GET";
  request.segments.emplace_back("files");
  request.segments.emplace_back("a/b");
  const Router router = sample();
  const auto match = router.find(request);
  EXPECT_EQ(match.pattern, "/files/{session}");
  EXPECT_THAT(match.captures, ElementsAre("a/b"));
}

}  // namespace
}  // namespace ci::net
