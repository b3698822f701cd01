#include <gtest/gtest.h>

#include "kubernetes/watch.h"

namespace ci::kubernetes {
namespace {

using Type = WatchEvent::Type;

TEST(WatchEvent, IsReadFromALine) {
  const auto event =
      parse_watch_event(R"({"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"12"}}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->type, Type::modified);
  EXPECT_EQ(event->version, "12");
  EXPECT_EQ(metadata_of(event->what, "name"), "a");
}

TEST(WatchEvent, HasTheFiveTypesOfTheApi) {
  const auto type_of = [](const std::string& word, const std::string& what) {
    const auto event = parse_watch_event(R"({"type":")" + word + R"(","object":)" + what + "}");
    return event ? std::optional(event->type) : std::nullopt;
  };
  EXPECT_EQ(type_of("ADDED", "{}"), Type::added);
  EXPECT_EQ(type_of("DELETED", "{}"), Type::removed);
  EXPECT_EQ(type_of("BOOKMARK", "{}"), Type::bookmark);
  EXPECT_EQ(type_of("ERROR", R"({"code":410})"), Type::expired);
  EXPECT_EQ(type_of("ERROR", R"({"code":500})"), Type::failed);
  EXPECT_EQ(type_of("ERROR", "{}"), Type::failed);
  EXPECT_EQ(type_of("RENAMED", "{}"), std::nullopt);
}

TEST(WatchEvent, IsNothingElse) {
  for (const char* line :
       {"", "{", "[]", "{}", R"({"type":"ADDED"})", R"({"type":1,"object":{}})", R"({"type":"ADDED","object":[]})"}) {
    EXPECT_FALSE(parse_watch_event(line)) << line;
  }
}

TEST(Metadata, IsEmptyWhereItIsNot) {
  EXPECT_EQ(metadata_of({}, "name"), "");
  EXPECT_EQ(metadata_of({{"metadata", 1}}, "name"), "");
  EXPECT_EQ(metadata_of({{"metadata", {{"name", 1}}}}, "name"), "");
}

}  // namespace
}  // namespace ci::kubernetes
