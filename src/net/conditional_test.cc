#include "net/conditional.h"

#include <gtest/gtest.h>

namespace ci::net {
namespace {

using Kind = Selection::Kind;

const TimePoint modified = std::chrono::system_clock::from_time_t(1767950000) + std::chrono::milliseconds(500);

Headers headers(std::initializer_list<std::pair<const char*, const char*>> fields) {
  Headers result;
  for (const auto& [name, value] : fields) result.add(name, value);
  return result;
}

TEST(Conditional, NamesTagInEveryForm) {
  for (const char* list : {"\"abc\"", "abc", "W/\"abc\"", "\"x\", \"abc\"", "\"x\",W/\"abc\" ", "*"}) {
    EXPECT_TRUE(names_tag(list, "\"abc\"")) << list;
  }
  for (const char* list : {"", "\"ab\"", "\"abcd\"", "W/\"x\"", ",", "\"\""}) {
    EXPECT_FALSE(names_tag(list, "\"abc\"")) << list;
  }
}

TEST(Conditional, TheTagCountsBeforeTheDate) {
  EXPECT_EQ(http_date(modified), "Fri, 09 Jan 2026 09:13:20 GMT");
  EXPECT_TRUE(is_known_to(headers({{"If-Modified-Since", "Fri, 09 Jan 2026 09:13:20 GMT"}}), "\"t\"", modified));
  EXPECT_FALSE(is_known_to(headers({{"If-Modified-Since", "Fri, 09 Jan 2026 09:13:19 GMT"}}), "\"t\"", modified));
  EXPECT_FALSE(is_known_to(headers({{"If-Modified-Since", "yesterday"}}), "\"t\"", modified));
  EXPECT_FALSE(is_known_to(
      headers({{"If-None-Match", "\"u\""}, {"If-Modified-Since", "Fri, 09 Jan 2027 09:13:20 GMT"}}), "\"t\"",
      modified));
  EXPECT_FALSE(is_known_to(headers({}), "\"t\"", modified));
}

struct Row {
  const char* range;
  Kind kind;
  std::uint64_t offset, length;
};

TEST(Conditional, SelectsBytes) {
  const Row rows[] = {
      {"bytes=0-0", Kind::part, 0, 1},
      {"bytes=2-4", Kind::part, 2, 3},
      {"bytes=2-", Kind::part, 2, 8},
      {"bytes=2-99", Kind::part, 2, 8},
      {"bytes=-3", Kind::part, 7, 3},
      {"bytes=-99", Kind::part, 0, 10},
      {"bytes=9-9", Kind::part, 9, 1},
      {"bytes=10-", Kind::none, 0, 0},
      {"bytes=-0", Kind::none, 0, 0},
      {"bytes=4-2", Kind::whole, 0, 10},
      {"bytes=0-1,3-4", Kind::whole, 0, 10},
      {"items=0-1", Kind::whole, 0, 10},
      {"bytes=", Kind::whole, 0, 10},
      {"bytes=-", Kind::whole, 0, 10},
      {"bytes=a-b", Kind::whole, 0, 10},
      {"bytes=99999999999999999999-", Kind::whole, 0, 10},
      {"bytes=0-18446744073709551615", Kind::part, 0, 10},
  };
  for (const Row& row : rows) {
    const Selection selection = select_bytes(headers({{"Range", row.range}}), "\"t\"", modified, 10);
    EXPECT_EQ(selection.kind, row.kind) << row.range;
    EXPECT_EQ(selection.offset, row.offset) << row.range;
    EXPECT_EQ(selection.length, row.length) << row.range;
  }
  EXPECT_EQ(select_bytes(headers({{"Range", "bytes=0-"}}), "\"t\"", modified, 0).kind, Kind::none);
  EXPECT_EQ(select_bytes(headers({}), "\"t\"", modified, 0).kind, Kind::whole);
}

TEST(Conditional, IfRangeMustNameWhatIsThere) {
  const auto kind = [](const char* condition) {
    return select_bytes(headers({{"Range", "bytes=0-1"}, {"If-Range", condition}}), "\"t\"", modified, 10).kind;
  };
  EXPECT_EQ(kind("\"t\""), Kind::part);
  EXPECT_EQ(kind("\"u\""), Kind::whole);
  EXPECT_EQ(kind("W/\"t\""), Kind::whole);
  EXPECT_EQ(kind("Fri, 09 Jan 2026 09:13:20 GMT"), Kind::part);
  EXPECT_EQ(kind("Fri, 09 Jan 2026 09:13:00 GMT"), Kind::whole);
}

}  // namespace
}  // namespace ci::net
