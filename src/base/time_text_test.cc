#include "base/time_text.h"

#include <gtest/gtest.h>

namespace ci {
namespace {

TEST(TimeText, WritesAndReadsBothForms) {
  const auto time = std::chrono::system_clock::time_point(std::chrono::microseconds(1767954055101000));
  EXPECT_EQ(iso_time(time), "2026-01-09T10:20:55.101000+00:00");
  EXPECT_EQ(iso_time_z(time), "2026-01-09T10:20:55.101Z");
  EXPECT_EQ(parse_iso_time(iso_time(time)), time);
  EXPECT_EQ(parse_iso_time(iso_time_z(time)), time);
  EXPECT_EQ(parse_iso_time("2026-01-09T10:20:55Z"), time - std::chrono::milliseconds(101));
}

TEST(TimeText, RefusesWhatIsNoTime) {
  for (const char* bad : {"", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59Z"}) {
    EXPECT_FALSE(parse_iso_time(bad)) << bad;
  }
}

}  // namespace
}  // namespace ci
