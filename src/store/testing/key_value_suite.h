#pragma once
// What every KeyValueStore does. A backend joins with a harness:
//
//   struct Harness {
//     KeyValueStore& store(); Loop& loop(); void advance(std::chrono::milliseconds);
//     static constexpr bool all_or_nothing;  // whether a refused Write undoes the others of its batch
//     static constexpr bool counts_in_one_step;  // increment_all() is one step also for keys that have nothing in common
//     static std::string lacks();            // optional: what this machine lacks for it, or nothing
//   };
//   INSTANTIATE_TYPED_TEST_SUITE_P(Sqlite, KeyValueSuite, Harness);

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/testing/key_value_fixture.h"

namespace ci::store::testing {

TYPED_TEST_SUITE_P(KeyValueSuite);

TYPED_TEST_P(KeyValueSuite, WhatIsNotThereIsAbsent) {
  EXPECT_EQ(this->get("none"), std::nullopt);
  EXPECT_EQ(this->get_fields("none"), std::nullopt);
  EXPECT_TRUE(this->members("none").empty());
  EXPECT_EQ(this->remaining("none"), std::nullopt);
  EXPECT_TRUE(this->scan_all("none", 10).empty());
  this->write(Write::remove("none"), Write::remove_member("none", "x"), Write::expire("none", milliseconds(5)));
  EXPECT_EQ(this->get("none"), std::nullopt);
  this->loop().run(this->store().ping());
}

TYPED_TEST_P(KeyValueSuite, KeepsValuesOfAnyBytes) {
  const std::string odd = this->odd_text();
  this->write(Write::set("v", odd), Write::set("empty", ""));
  EXPECT_EQ(this->get("v"), odd);
  EXPECT_EQ(this->get("empty"), "");
  this->write(Write::set("v", "second"));
  EXPECT_EQ(this->get("v"), "second");
  this->write(Write::remove("v"));
  EXPECT_EQ(this->get("v"), std::nullopt);
}

TYPED_TEST_P(KeyValueSuite, SettingFieldsKeepsTheOthers) {
  const std::string odd = this->odd_text();
  this->write(Write::set_fields("h", {{"a", "1"}, {"b", odd}, {"", "empty name"}}));
  this->write(Write::set_fields("h", {{"a", "2"}, {"c", ""}}));
  const auto fields = this->get_fields("h");
  ASSERT_TRUE(fields);
  EXPECT_THAT(
      *fields, ::testing::UnorderedElementsAre(
                   std::pair("a", "2"), std::pair("b", odd), std::pair("", "empty name"), std::pair("c", "")));
}

TYPED_TEST_P(KeyValueSuite, GetsTheFieldsOfManyInTheirOrder) {
  this->write(Write::set_fields("h:1", {{"n", "1"}}), Write::set_fields("h:3", {{"n", "3"}}));
  const auto all = this->loop().run(this->store().get_fields_of_all({"h:3", "h:2", "h:1"}));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0]->front().second, "3");
  EXPECT_FALSE(all[1]);
  EXPECT_EQ(all[2]->front().second, "1");
}

TYPED_TEST_P(KeyValueSuite, SetsHoldEachMemberOnce) {
  this->write(Write::add_member("s", "x"), Write::add_member("s", "y"), Write::add_member("s", "x"));
  EXPECT_THAT(this->members("s"), ::testing::UnorderedElementsAre("x", "y"));
  this->write(Write::remove_member("s", "x"), Write::remove_member("s", "unknown"));
  EXPECT_THAT(this->members("s"), ::testing::ElementsAre("y"));
  this->write(Write::remove_member("s", "y"));
  EXPECT_TRUE(this->members("s").empty());
  // An empty set is no set: its key may become something else.
  this->write(Write::set("s", "value"));
  EXPECT_EQ(this->get("s"), "value");
}

TYPED_TEST_P(KeyValueSuite, WritesOfABatchHappenInOrder) {
  this->write(
      Write::set("k", "1"), Write::remove("k"), Write::add_member("k", "m"), Write::remove("k"), Write::set("k", "2"));
  EXPECT_EQ(this->get("k"), "2");
}

TYPED_TEST_P(KeyValueSuite, AnotherKindIsOurBug) {
  this->write(Write::set("v", "1"), Write::set_fields("h", {{"a", "1"}}), Write::add_member("s", "x"));
  using enum FailureKind;
  EXPECT_EQ(failure_of([&] { this->get("h"); }), internal);
  EXPECT_EQ(failure_of([&] { this->get_fields("s"); }), internal);
  EXPECT_EQ(failure_of([&] { this->members("v"); }), internal);
  EXPECT_EQ(failure_of([&] { this->write(Write::set_fields("s", {{"a", "1"}})); }), internal);
  EXPECT_EQ(failure_of([&] { this->write(Write::add_member("h", "x")); }), internal);
  EXPECT_EQ(failure_of([&] { this->increment("h", 1); }), internal);
  // set takes any kind, and nothing of the set stays behind.
  this->write(Write::set("s", "now a value"));
  EXPECT_EQ(this->get("s"), "now a value");
}

TYPED_TEST_P(KeyValueSuite, ExpiredKeysAreInvisibleAtOnce) {
  const Ttl minute = milliseconds(60000);
  this->write(Write::set("t:v", "1", minute), Write::set_fields("t:h", {{"a", "1"}}, minute));
  this->write(Write::add_member("t:s", "x"), Write::expire("t:s", minute), Write::set("t:stays", "1"));
  this->advance(milliseconds(54000));
  EXPECT_EQ(this->get("t:v"), "1");
  EXPECT_EQ(this->scan_all("t:", 10).size(), 4u);
  EXPECT_LE(*this->remaining("t:v"), milliseconds(6000));
  EXPECT_GT(*this->remaining("t:v"), milliseconds(0));
  EXPECT_EQ(this->remaining("t:stays"), std::nullopt);
  this->advance(milliseconds(6060));
  EXPECT_EQ(this->get("t:v"), std::nullopt);
  EXPECT_EQ(this->get_fields("t:h"), std::nullopt);
  EXPECT_TRUE(this->members("t:s").empty());
  EXPECT_EQ(this->remaining("t:v"), std::nullopt);
  EXPECT_THAT(this->scan_all("t:", 10), ::testing::ElementsAre("t:stays"));
}

TYPED_TEST_P(KeyValueSuite, ExpiredKeysDoNotComeBackWithTheNextWrite) {
  const Ttl minute = milliseconds(60000);
  this->write(
      Write::set_fields("h", {{"old", "1"}}, minute), Write::add_member("s", "old"), Write::expire("s", minute));
  this->write(Write::set("other kind", "1", minute));
  this->advance(milliseconds(60060));
  this->write(Write::expire("h", {}));
  EXPECT_EQ(this->get_fields("h"), std::nullopt);
  this->write(
      Write::set_fields("h", {{"new", "1"}}), Write::add_member("s", "new"), Write::add_member("other kind", "x"));
  EXPECT_THAT(*this->get_fields("h"), ::testing::ElementsAre(std::pair("new", "1")));
  EXPECT_EQ(this->remaining("h"), std::nullopt);
  EXPECT_THAT(this->members("s"), ::testing::ElementsAre("new"));
  EXPECT_THAT(this->members("other kind"), ::testing::ElementsAre("x"));
}

TYPED_TEST_P(KeyValueSuite, LivesAreKeptChangedAndTakenAway) {
  const Ttl minute = milliseconds(60000);
  this->write(Write::set_fields("h", {{"a", "1"}}, minute), Write::set("v", "1", minute), Write::add_member("s", "x"));
  this->write(Write::expire("s", minute));
  this->write(Write::set_fields("h", {{"a", "2"}}), Write::add_member("s", "y"));
  EXPECT_TRUE(this->remaining("h"));
  EXPECT_TRUE(this->remaining("s"));
  this->write(Write::set("v", "2"));  // a new value has a new life
  EXPECT_EQ(this->remaining("v"), std::nullopt);
  this->write(Write::expire("s", {}));
  this->write(Write::set_fields("h", {{"a", "3"}}, milliseconds(300000)));
  this->advance(milliseconds(120000));
  EXPECT_EQ(this->members("s").size(), 2u);
  EXPECT_EQ(this->get_fields("h")->front().second, "3");
}

TYPED_TEST_P(KeyValueSuite, OnlyOneTakesALease) {
  EXPECT_TRUE(this->set_if_absent("lease", "me", milliseconds(60000)));
  EXPECT_FALSE(this->set_if_absent("lease", "you", milliseconds(60000)));
  EXPECT_EQ(this->get("lease"), "me");
  EXPECT_FALSE(this->remove_if_equal("lease", "you"));
  EXPECT_TRUE(this->remove_if_equal("lease", "me"));
  EXPECT_FALSE(this->remove_if_equal("lease", "me"));
  EXPECT_TRUE(this->set_if_absent("lease", "you", milliseconds(60000)));
  this->advance(milliseconds(60060));
  EXPECT_FALSE(this->remove_if_equal("lease", "you"));
  EXPECT_TRUE(this->set_if_absent("lease", "me"));
}

TYPED_TEST_P(KeyValueSuite, WritesOnlyWhileALeaseIsHeld) {
  const auto write_if = [&](std::vector<Condition> conditions, std::string value) {
    std::vector<Write> writes;
    writes.push_back(Write::set("value", value, milliseconds(90000)));
    writes.push_back(Write::set_fields("record", {{"value", value}, {"empty", ""}}));
    writes.push_back(Write::add_member("set", value));
    return this->loop().run(this->store().write_if(std::move(conditions), std::move(writes)));
  };
  EXPECT_TRUE(this->set_if_absent("lease", "me", milliseconds(60000)));
  this->write(Write::set("other", "yes"));
  EXPECT_TRUE(write_if({{"lease", "me"}, {"other", "yes"}}, "first"));
  EXPECT_FALSE(write_if({{"lease", "you"}}, "second"));
  EXPECT_FALSE(write_if({{"lease", "me"}, {"other", "no"}}, "second"));
  EXPECT_FALSE(write_if({{"lease", "me"}, {"nothing", ""}}, "second"));
  EXPECT_EQ(this->get("value"), "first");
  EXPECT_THAT(this->members("set"), ::testing::ElementsAre("first"));
  EXPECT_EQ(this->get_fields("record")->at(0).second, "first");
  EXPECT_TRUE(write_if({}, std::string("th\0ird", 6)));
  EXPECT_EQ(this->get("value"), std::string("th\0ird", 6));
  this->advance(milliseconds(60060));
  EXPECT_FALSE(write_if({{"lease", "me"}}, "fourth"));  // it has ended by itself
  EXPECT_EQ(this->get("value"), std::string("th\0ird", 6));
  EXPECT_LE(this->remaining("value"), milliseconds(30000));
}

TYPED_TEST_P(KeyValueSuite, CountsWithinAWindow) {
  EXPECT_EQ(this->increment("n", 2, milliseconds(60000)), 2);
  this->advance(milliseconds(54000));
  EXPECT_EQ(this->increment("n", 3, milliseconds(60000)), 5);  // does not extend the window
  EXPECT_EQ(this->get("n"), "5");
  this->advance(milliseconds(6060));
  EXPECT_EQ(this->increment("n", 1, milliseconds(60000)), 1);
  EXPECT_EQ(this->increment("n", -4), -3);
  this->write(Write::set("n", "words"));
  EXPECT_EQ(failure_of([&] { this->increment("n", 1); }), FailureKind::internal);
}

TYPED_TEST_P(KeyValueSuite, AddsToAFieldAndKeepsTheOthers) {
  this->write(Write::set_fields("h", {{"name", "a"}, {"uses", "41"}}, milliseconds(60000)));
  this->write(Write::add_to_field("h", "uses", 1), Write::add_to_field("h", "new", -2));
  EXPECT_THAT(
      *this->get_fields("h"),
      ::testing::UnorderedElementsAre(std::pair("name", "a"), std::pair("uses", "42"), std::pair("new", "-2")));
  EXPECT_TRUE(this->remaining("h"));
  EXPECT_EQ(failure_of([&] { this->write(Write::add_to_field("h", "name", 1)); }), FailureKind::internal);
}

TYPED_TEST_P(KeyValueSuite, CountersMoveTogetherOrNotAtAll) {
  const Ttl minute = milliseconds(60000);
  const auto count = [&](std::optional<std::int64_t> limit_of_second) {
    std::vector<Counter> counters;
    counters.emplace_back("n:1", 1, minute);
    counters.emplace_back("n:2", 2, milliseconds(600000), limit_of_second);
    counters.emplace_back("n:3", 1, minute, 2);
    return this->loop().run(this->store().increment_all(std::move(counters)));
  };
  EXPECT_THAT(count(4).sums, ::testing::ElementsAre(1, 2, 1));
  EXPECT_THAT(count(4).sums, ::testing::ElementsAre(2, 4, 2));
  const Counted refused = count(4);  // the second and the third: the first of them is named
  EXPECT_EQ(refused.refused, 1u);
  EXPECT_THAT(refused.sums, ::testing::ElementsAre(2, 4, 2));
  EXPECT_EQ(this->get("n:1"), "2");
  EXPECT_EQ(count({}).refused, 2u);
  EXPECT_LE(*this->remaining("n:1"), milliseconds(60000));
  this->advance(milliseconds(60060));
  EXPECT_THAT(count({}).sums, ::testing::ElementsAre(1, 6, 1));  // each has its own window
  this->write(Write::set("n:1", "words"));
  EXPECT_EQ(failure_of([&] { count({}); }), FailureKind::internal);
  EXPECT_TRUE(this->loop().run(this->store().increment_all({})).sums.empty());
}

TYPED_TEST_P(KeyValueSuite, NoLimitIsPassedWhoeverCounts) {
  std::vector<awaitable<void>> works;
  int admitted = 0;
  const auto ask = [&]() -> awaitable<void> {
    std::vector<Counter> counters;
    counters.emplace_back("limited", 1, milliseconds(60000), 30);
    counters.emplace_back("not limited", 1, Ttl());
    const Counted counted = co_await this->store().increment_all(std::move(counters));
    if (!counted.refused) ++admitted;
  };
  for (int i = 0; i < 100; ++i) works.push_back(ask());
  for (const std::exception_ptr& failure : this->loop().run_together(std::move(works))) EXPECT_FALSE(failure);
  EXPECT_EQ(this->get("limited"), std::to_string(admitted));
  EXPECT_EQ(this->get("not limited"), std::to_string(admitted));
  // One step admits all that fit; a cluster may refuse too many, never too few.
  EXPECT_LE(admitted, 30);
  if (TypeParam::counts_in_one_step) {
    EXPECT_EQ(admitted, 30);
  }
}

TYPED_TEST_P(KeyValueSuite, PlacesAreBoundedAndEndWithTheirLease) {
  const auto take = [&](const char* holder, std::int64_t most = 2) {
    return this->loop().run(this->store().take_place("places", holder, most, milliseconds(60000)));
  };
  const auto leave = [&](const char* holder) { this->loop().run(this->store().leave_place("places", holder)); };
  leave("nobody");
  EXPECT_TRUE(take("a"));
  EXPECT_TRUE(take("b"));
  EXPECT_FALSE(take("c"));
  EXPECT_TRUE(take("a"));     // has one
  EXPECT_TRUE(take("a", 1));  // and keeps it when there are fewer
  EXPECT_FALSE(take("c", 0));
  leave("b");
  leave("b");
  EXPECT_TRUE(take("c"));
  this->advance(milliseconds(40000));
  EXPECT_TRUE(take("a"));  // begins anew
  this->advance(milliseconds(20060));
  EXPECT_TRUE(take("d"));  // in the place of one that said nothing for so long
  EXPECT_FALSE(take("c"));
  this->advance(milliseconds(60060));
  EXPECT_FALSE(this->remaining("places"));
  this->write(Write::set("places", "a value"));
  EXPECT_EQ(failure_of([&] { take("a"); }), FailureKind::internal);
}

TYPED_TEST_P(KeyValueSuite, NoMorePlacesThanThereAreWhoeverTakesThem) {
  std::vector<awaitable<void>> works;
  int taken = 0;
  const auto take = [&](int number) -> awaitable<void> {
    const bool has = co_await this->store().take_place("places", std::to_string(number), 30, milliseconds(60000));
    if (has) ++taken;
  };
  for (int i = 0; i < 100; ++i) works.push_back(take(i));
  for (const std::exception_ptr& failure : this->loop().run_together(std::move(works))) EXPECT_FALSE(failure);
  EXPECT_EQ(taken, 30);
}

TYPED_TEST_P(KeyValueSuite, ScansByPrefixInPages) {
  typename TestFixture::Strings expected;
  std::vector<Write> writes;
  for (int i = 0; i < 23; ++i) {
    expected.push_back("p:" + std::to_string(i));
    writes.push_back(i % 2 == 0 ? Write::set(expected.back(), "1") : Write::add_member(expected.back(), "m"));
    if (i % 2 == 1) writes.push_back(Write::add_member(expected.back(), "n"));  // still one key
  }
  writes.push_back(Write::set("p", "1"));
  writes.push_back(Write::set("p;", "1"));
  writes.push_back(Write::set("q:1", "1"));
  this->loop().run(this->store().write(std::move(writes)));
  EXPECT_THAT(this->scan_all("p:", 5), ::testing::UnorderedElementsAreArray(expected));
  EXPECT_THAT(this->scan_all("p:", 1000), ::testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(this->scan_all("", 7).size(), 26u);
  EXPECT_TRUE(this->scan_all("p:x%_*", 5).empty());
}

TYPED_TEST_P(KeyValueSuite, ScansMembersInPages) {
  std::vector<Write> writes;
  std::set<std::string> expected;
  for (int i = 0; i < 1203; ++i) {
    expected.insert("member " + std::to_string(i));
    writes.push_back(Write::add_member("a set", "member " + std::to_string(i)));
    writes.push_back(Write::add_member("another set", "x"));
  }
  this->loop().run(this->store().write(std::move(writes)));
  for (const int limit : {100, 5000}) {
    std::set<std::string> seen;
    std::string cursor;
    int pages = 0;
    do {
      auto page = this->loop().run(this->store().scan_members("a set", cursor, limit));
      seen.insert(page.keys.begin(), page.keys.end());
      cursor = page.cursor;
      ++pages;
    } while (!cursor.empty());
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(pages > 1, limit == 100);
  }
  EXPECT_TRUE(this->loop().run(this->store().scan_members("no set", "", 10)).keys.empty());
}

TYPED_TEST_P(KeyValueSuite, ManyCallersAtOnceEachGetTheirOwnResult) {
  this->write(Write::add_member("a set", "x"));
  std::vector<awaitable<void>> works;
  for (int i = 0; i < 100; ++i) {
    std::vector<Write> writes;
    writes.push_back(Write::set("c:" + std::to_string(i), "1"));
    if (i % 10 == 3) writes.push_back(Write::set_fields("a set", {{"not", "possible"}}));
    works.push_back(this->store().write(std::move(writes)));
  }
  const auto failures = this->loop().run_together(std::move(works));
  for (int i = 0; i < 100; ++i) {
    const bool refused = i % 10 == 3;
    EXPECT_EQ(failures[static_cast<size_t>(i)] != nullptr, refused) << i;
    const bool kept = this->get("c:" + std::to_string(i)).has_value();
    EXPECT_TRUE(refused || kept) << i;
    EXPECT_FALSE(refused && kept && TypeParam::all_or_nothing) << i;
  }
}

REGISTER_TYPED_TEST_SUITE_P(
    KeyValueSuite, WhatIsNotThereIsAbsent, KeepsValuesOfAnyBytes, SettingFieldsKeepsTheOthers,
    GetsTheFieldsOfManyInTheirOrder, SetsHoldEachMemberOnce, WritesOfABatchHappenInOrder, AnotherKindIsOurBug,
    ExpiredKeysAreInvisibleAtOnce, ExpiredKeysDoNotComeBackWithTheNextWrite, LivesAreKeptChangedAndTakenAway,
    OnlyOneTakesALease, WritesOnlyWhileALeaseIsHeld, CountsWithinAWindow, AddsToAFieldAndKeepsTheOthers,
    CountersMoveTogetherOrNotAtAll, NoLimitIsPassedWhoeverCounts, PlacesAreBoundedAndEndWithTheirLease,
    NoMorePlacesThanThereAreWhoeverTakesThem, ScansByPrefixInPages, ScansMembersInPages,
    ManyCallersAtOnceEachGetTheirOwnResult);

}  // namespace ci::store::testing
