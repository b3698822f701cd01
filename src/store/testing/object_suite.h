#pragma once
// What every ObjectStore does. A backend joins with a harness:
//
//   struct Harness { ObjectStore& store(); Loop& loop(); };  // perhaps static const char* reason_to_skip(); null: none
//   INSTANTIATE_TYPED_TEST_SUITE_P(Filesystem, ObjectSuite, Harness);

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>

#include "store/object_store.h"
#include "store/testing/loop.h"

namespace ci::store::testing {

// Gives its text in pieces of at most `piece` bytes and then, when told so, fails.
class PiecewiseSource final : public ByteSource {
 public:
  PiecewiseSource(std::string text, size_t piece, bool fails = false)
      : text_(std::move(text)), piece_(piece), fails_(fails) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override {
    const size_t count = std::min({piece_, into.size(), text_.size() - offset_});
    if (count == 0 && fails_) throw Failure(FailureKind::timeout, "the peer is gone");
    std::memcpy(into.data(), text_.data() + offset_, count);
    offset_ += count;
    co_return count;
  }

 private:
  std::string text_;
  size_t piece_;
  bool fails_;
  size_t offset_ = 0;
};

template <class Harness>
class ObjectSuite : public ::testing::Test {
 public:
  void SetUp() override {
    if constexpr (requires { Harness::reason_to_skip(); }) {
      if (const char* reason = Harness::reason_to_skip()) GTEST_SKIP() << reason;
    }
  }

  StoredObject put(const std::string& key, ByteSource& source, std::uint64_t limit = 100 << 20) {
    return loop().run(store().put(key, source, limit));
  }
  StoredObject put(const std::string& key, std::string text, std::uint64_t limit = 100 << 20) {
    StringSource source(std::move(text));
    return put(key, source, limit);
  }
  std::optional<std::string> text_of(const std::string& key) {
    auto object = loop().run(store().open(key));
    if (!object) return std::nullopt;
    auto text = loop().run(read_all(*object->body));
    EXPECT_EQ(text.size(), object->size);
    return text;
  }
  std::set<std::string> list_all(const std::string& prefix, int limit) {
    std::set<std::string> keys;
    std::string cursor;
    do {
      const auto page = loop().run(store().list(prefix, cursor, limit));
      EXPECT_LE(page.objects.size(), static_cast<size_t>(limit));
      for (const auto& object : page.objects) EXPECT_TRUE(keys.insert(object.key).second) << object.key;
      cursor = page.cursor;
    } while (!cursor.empty());
    return keys;
  }

  ObjectStore& store() { return harness_.store(); }
  Loop& loop() { return harness_.loop(); }

  // Not a repetition of any short pattern.
  static std::string large_text(size_t size) {
    std::string text(size, '\0');
    std::uint32_t state = 1;
    for (char& c : text) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    return text;
  }

 private:
  Harness harness_;
};

TYPED_TEST_SUITE_P(ObjectSuite);

TYPED_TEST_P(ObjectSuite, GivesBackWhatWasPut) {
  const auto stored = this->put("sessions/s/uploads/a", "hello");
  EXPECT_EQ(stored.size, 5u);
  EXPECT_EQ(stored.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(this->text_of("sessions/s/uploads/a"), "hello");
  const auto empty = this->put("sessions/s/uploads/empty", "");
  EXPECT_EQ(empty.sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(this->text_of("sessions/s/uploads/empty"), "");
}

TYPED_TEST_P(ObjectSuite, PiecesOfAnySizeMakeTheSameObject) {
  for (const size_t size : {size_t{1}, size_t{256 << 10}, size_t{(256 << 10) + 1}, size_t{1000003}}) {
    const std::string text = this->large_text(size);
    const auto whole = this->put("sizes/whole", text);
    PiecewiseSource pieces(text, 60001);
    const auto joined = this->put("sizes/joined", pieces);
    EXPECT_EQ(whole.sha256, joined.sha256);
    EXPECT_EQ(joined.size, size);
    EXPECT_EQ(this->text_of("sizes/joined"), text);
  }
}

TYPED_TEST_P(ObjectSuite, TakesADescriptorFromItsBeginning) {
  const std::string text = this->large_text(700000);
  UniqueFd file(::memfd_create("source", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  FileSource source(std::move(file), this->loop().pool());
  const auto stored = this->put("d/d/d", source);
  EXPECT_EQ(stored.size, text.size());
  EXPECT_EQ(this->text_of("d/d/d"), text);
  EXPECT_EQ(failure_of([&] { this->put("d/d/e", source, 699999); }), FailureKind::exhausted);
  EXPECT_EQ(this->text_of("d/d/e"), std::nullopt);
}

TYPED_TEST_P(ObjectSuite, ReplacesInOneStepWhileReadersKeepWhatTheyOpened) {
  this->put("a/b/c", "first");
  auto reading = this->loop().run(this->store().open("a/b/c"));
  this->put("a/b/c", "second one");
  EXPECT_EQ(this->text_of("a/b/c"), "second one");
  EXPECT_EQ(this->loop().run(read_all(*reading->body)), "first");
  EXPECT_EQ(this->list_all("a/", 10).size(), 1u);
}

TYPED_TEST_P(ObjectSuite, TheLimitIsExactAndAnOverflowLeavesTheOlderOne) {
  const std::string text = this->large_text(300000);
  EXPECT_EQ(this->put("l/l/l", text, 300000).size, 300000u);
  EXPECT_EQ(failure_of([&] { this->put("l/l/l", this->large_text(300001), 300000); }), FailureKind::exhausted);
  EXPECT_EQ(this->text_of("l/l/l"), text);
  EXPECT_EQ(failure_of([&] { this->put("l/l/new", "x", 0); }), FailureKind::exhausted);
  EXPECT_EQ(this->put("l/l/nothing", "", 0).size, 0u);
  EXPECT_EQ(this->list_all("l/l/", 10), (std::set<std::string>{"l/l/l", "l/l/nothing"}));
}

TYPED_TEST_P(ObjectSuite, ASourceThatFailsLeavesNothing) {
  for (const size_t size : {size_t{10}, size_t{600000}}) {
    PiecewiseSource source(this->large_text(size), 50000, true);
    EXPECT_EQ(failure_of([&] { this->put("f/f/f", source); }), FailureKind::timeout);
    EXPECT_EQ(this->text_of("f/f/f"), std::nullopt);
  }
  EXPECT_TRUE(this->list_all("", 10).empty());
}

TYPED_TEST_P(ObjectSuite, HeadTellsSizeAndTime) {
  const auto before = std::chrono::system_clock::now() - std::chrono::seconds(2);
  this->put("h/h/h", "12345");
  const auto info = this->loop().run(this->store().head("h/h/h"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->key, "h/h/h");
  EXPECT_EQ(info->size, 5u);
  EXPECT_GE(info->modified, before);
  EXPECT_LE(info->modified, std::chrono::system_clock::now() + std::chrono::seconds(2));
  EXPECT_FALSE(this->loop().run(this->store().head("h/h/none")));
}

TYPED_TEST_P(ObjectSuite, OpensARange) {
  const std::string text = this->large_text(900000);
  this->put("range/a", text);
  const auto part = [&](std::uint64_t offset, std::uint64_t length) {
    Range range;
    range.offset = offset;
    range.length = length;
    auto object = this->loop().run(this->store().open("range/a", range));
    EXPECT_TRUE(object);
    EXPECT_EQ(object->total, text.size());
    EXPECT_EQ(object->body->descriptor(), -1);
    const std::string got = this->loop().run(read_all(*object->body));
    EXPECT_EQ(got.size(), object->size);
    return got;
  };
  const std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(part(0, 1), text.substr(0, 1));
  EXPECT_EQ(part(5, 70000), text.substr(5, 70000));
  EXPECT_EQ(part(899990, 100), text.substr(899990));
  EXPECT_EQ(part(300000, all), text.substr(300000));
  EXPECT_EQ(part(1, all - 1), text.substr(1));
  EXPECT_EQ(part(0, 0), "");
  EXPECT_EQ(part(900000, 1), "");
  EXPECT_EQ(part(all, all), "");
  Range range;
  range.offset = 1;
  EXPECT_FALSE(this->loop().run(this->store().open("range/none", range)));
}

TYPED_TEST_P(ObjectSuite, KeepsMetadataWithTheObject) {
  const auto put_with = [&](std::string text, Metadata metadata) {
    StringSource source(std::move(text));
    this->loop().run(this->store().put("states/s/state.dat", source, 100, std::move(metadata)));
  };
  Metadata first;
  first["archived-at"] = "2026-01-09T10:20:55.101000+00:00";
  first["original-size"] = "17";
  put_with("one", first);
  EXPECT_EQ(this->loop().run(this->store().head("states/s/state.dat"))->metadata, first);
  EXPECT_EQ(this->loop().run(this->store().open("states/s/state.dat"))->metadata, first);
  Metadata second;
  second["hash"] = "!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~";
  put_with("two", second);
  EXPECT_EQ(this->loop().run(this->store().head("states/s/state.dat"))->metadata, second);
  put_with("three", Metadata());
  EXPECT_EQ(this->loop().run(this->store().head("states/s/state.dat"))->metadata, Metadata());
}

TYPED_TEST_P(ObjectSuite, RemovingTwiceIsFine) {
  this->put("r/r/r", "x");
  this->loop().run(this->store().remove("r/r/r"));
  this->loop().run(this->store().remove("r/r/r"));
  EXPECT_EQ(this->text_of("r/r/r"), std::nullopt);
  this->loop().run(this->store().ping());
}

TYPED_TEST_P(ObjectSuite, ListsByPrefixInPages) {
  std::set<std::string> all;
  std::set<std::string> of_one;
  for (int session = 0; session < 7; ++session) {
    for (int file = 0; file < 5; ++file) {
      const std::string key = "sessions/s" + std::to_string(session) + "/uploads/f" + std::to_string(file);
      this->put(key, "x");
      all.insert(key);
      if (session == 3) of_one.insert(key);
    }
  }
  this->put("state/s3", "x");
  for (const int limit : {1, 3, 5, 1000}) {
    EXPECT_EQ(this->list_all("sessions/", limit), all) << limit;
    EXPECT_EQ(this->list_all("sessions/s3/", limit), of_one) << limit;
  }
  EXPECT_EQ(this->list_all("sessions/s3/uploads/f4", 10).size(), 1u);
  EXPECT_EQ(this->list_all("sessions/s", 4).size(), all.size());
  EXPECT_EQ(this->list_all("", 9).size(), all.size() + 1);
  EXPECT_TRUE(this->list_all("sessions/s9/", 10).empty());
}

TYPED_TEST_P(ObjectSuite, ManyPutsAtOnce) {
  std::vector<awaitable<void>> works;
  std::vector<std::unique_ptr<StringSource>> sources;
  const auto put_one = [](ObjectStore& store, std::string key, ByteSource& source) -> awaitable<void> {
    co_await store.put(std::move(key), source, 1000);
  };
  for (int i = 0; i < 60; ++i) {
    sources.push_back(std::make_unique<StringSource>(std::to_string(i)));
    // Some under the same key: one of them stays, whole.
    works.push_back(put_one(this->store(), "m/m/" + std::to_string(i % 20), *sources.back()));
  }
  for (const auto& failure : this->loop().run_together(std::move(works))) EXPECT_EQ(failure, nullptr);
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(
        *this->text_of("m/m/" + std::to_string(i)),
        ::testing::AnyOf(std::to_string(i), std::to_string(i + 20), std::to_string(i + 40)));
  }
}

REGISTER_TYPED_TEST_SUITE_P(
    ObjectSuite, GivesBackWhatWasPut, PiecesOfAnySizeMakeTheSameObject, TakesADescriptorFromItsBeginning,
    ReplacesInOneStepWhileReadersKeepWhatTheyOpened, TheLimitIsExactAndAnOverflowLeavesTheOlderOne,
    ASourceThatFailsLeavesNothing, HeadTellsSizeAndTime, OpensARange, KeepsMetadataWithTheObject, RemovingTwiceIsFine,
    ListsByPrefixInPages, ManyPutsAtOnce);

}  // namespace ci::store::testing
