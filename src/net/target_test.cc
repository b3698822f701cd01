#include "net/target.h"

#include <gmock/gmock.h>

namespace ci::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

std::string path_of(std::string_view text) {
  const auto target = parse_target(text);
  return target ? target->path() : "refused";
}

TEST(Target, FoldsSlashesAndDropsTheVersionPrefixOnce) {
  EXPECT_EQ(path_of("/"), "/");
  EXPECT_EQ(path_of("/exec"), "/exec");
  EXPECT_EQ(path_of("/exec/"), "/exec");
  EXPECT_EQ(path_of("//exec///programmatic//"), "/exec/programmatic");
  EXPECT_EQ(path_of("/v1"), "/");
  EXPECT_EQ(path_of("/v1/"), "/");
  EXPECT_EQ(path_of("/v1//upload"), "/upload");
  EXPECT_EQ(path_of("/v1/v1/exec"), "/v1/exec");
  EXPECT_EQ(path_of("/v10/exec"), "/v10/exec");
  EXPECT_EQ(path_of("/api/v1/admin"), "/api/v1/admin");
}

TEST(Target, DecodesSegmentsAfterSplitting) {
  const auto target = parse_target("/files/a%2Fb/c%20d+e%C3%A9");
  ASSERT_TRUE(target);
  EXPECT_THAT(target->segments, ElementsAre("files", "a/b", "c d+e\xc3\xa9"));
}

TEST(Target, RefusesBadEscapesAndNul) {
  for (const char* text : {"/a%", "/a%2", "/a%zz", "/a%00b", "/a?x=%", "/a?%00=1", "/a?x=%0"}) {
    EXPECT_EQ(path_of(text), "refused") << text;
  }
}

TEST(Target, TakesTheAbsoluteFormAndTheAsteriskOnly) {
  EXPECT_EQ(path_of("http://host:80/v1/exec?x=1"), "/exec");
  EXPECT_EQ(path_of("http://host"), "/");
  EXPECT_EQ(path_of("*"), "/*");
  EXPECT_EQ(path_of("host:443"), "refused");
  EXPECT_EQ(path_of("exec"), "refused");
  EXPECT_EQ(path_of(""), "refused");
}

TEST(Target, DecodesTheQuery) {
  const auto target = parse_target("/a?x=1+2&y=%2B%26&flag&&z=a=b&x=3");
  ASSERT_TRUE(target);
  EXPECT_THAT(
      target->query,
      ElementsAre(Pair("x", "1 2"), Pair("y", "+&"), Pair("flag", ""), Pair("z", "a=b"), Pair("x", "3")));
  EXPECT_THAT(parse_target("/a?")->query, IsEmpty());
  EXPECT_EQ(path_of("/a?x=/../b"), "/a");
}

}  // namespace
}  // namespace ci::net
