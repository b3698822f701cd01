#include "state/record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ci::state {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Record, IsReadAsItWasWritten) {
  Record record;
  record.size = 61;
  record.hash = "5d1e";
  record.created = std::chrono::system_clock::time_point(std::chrono::milliseconds(1767950455101));
  record.from_upload = true;
  record.python = "3.11";
  record.modules = {"numpy", "pandas"};
  record.object = "states-at-hand/s/x";
  EXPECT_EQ(record_from(text_of(record)), record);
  record.object.clear();
  EXPECT_EQ(record_from(text_of(record)), record);
}

TEST(Record, IsReadWithTheFieldsOfOtherPrograms) {
  const auto record = record_from(R"({"size_bytes": 18342, "hash": "9f2c",
      "created_at": "2026-01-09T10:20:55.101000+00:00", "from_upload": false, "x": []})");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->size, 18342u);
  EXPECT_EQ(record->hash, "9f2c");
  EXPECT_THAT(record->modules, IsEmpty());
}

TEST(Record, IsNothingWhenItIsDamaged) {
  for (const char* text :
       {"", "[]", "{}", R"({"size_bytes": 1, "hash": "a"})",
        R"({"size_bytes": -1, "hash": "a", "created_at": "2026-01-09T10:20:55Z"})",
        R"({"size_bytes": 1, "hash": "a", "created_at": "2026-01-09T10:20:55Z", "object": "../x"})"}) {
    EXPECT_EQ(record_from(text), std::nullopt) << text;
  }
}

TEST(Note, GivesVersionAndModules) {
  Record record;
  read_note("3.11 numpy,pandas", record);
  EXPECT_EQ(record.python, "3.11");
  EXPECT_THAT(record.modules, ElementsAre("numpy", "pandas"));
}

TEST(Note, IsNotBelieved) {
  Record record;
  read_note("rm -rf,../x,a b,,ok,\xff\n\"," + std::string(1000, 'a'), record);
  EXPECT_EQ(record.python, "");
  EXPECT_THAT(record.modules, ElementsAre("ok"));
  std::string many = "3.11 ";
  for (int i = 0; i < 1000; ++i) many += "m" + std::to_string(i) + ",";
  Record large;
  read_note(many, large);
  EXPECT_LE(large.modules.size(), 32u);
  Record empty;
  read_note("", empty);
  EXPECT_EQ(empty, Record());
}

TEST(Note, SaysWhatWasLeftOut) {
  Record record;
  read_note("3.11 numpy,pandas;2 generator", record);
  EXPECT_EQ(record.python, "3.11");
  EXPECT_THAT(record.modules, ElementsAre("numpy", "pandas"));
  EXPECT_EQ(left_out_of("3.11 numpy,pandas;2 generator").count, 2u);
  EXPECT_EQ(left_out_of("3.11 numpy,pandas;2 generator").first, "generator");
  EXPECT_EQ(left_out_of("3.11 ;1 _thread.lock").first, "_thread.lock");
}

TEST(Note, IsHarmlessInALog) {
  for (const char* text : {"", "3.11 numpy", "3.11 numpy;", "3.11 ;x generator", "3.11 ;-1 generator", ";;;"}) {
    EXPECT_EQ(left_out_of(text).count, 0u) << text;
  }
  EXPECT_EQ(left_out_of(";1 a\nb\"c=\x1b[1m\xff{}").first, "a?b?c???1m???");
  EXPECT_EQ(left_out_of(";1 " + std::string(900, 'a')).first.size(), 100u);
  EXPECT_LE(left_out_of(";99999999999999999999 a").count, 999999u);
}

}  // namespace
}  // namespace ci::state
