#include "store/s3/s3_store.h"

#include <sys/resource.h>

#include <fstream>

#include "base/sha256.h"
#include "store/s3/testing/real_server.h"
#include "store/testing/object_suite.h"

namespace ci::store::s3 {
namespace {

using store::testing::failure_of;
using store::testing::read_all;
using testing::Bucket;

class Harness {
 public:
  static const char* reason_to_skip() { return testing::has_real_server() ? nullptr : testing::no_real_server; }
  ObjectStore& store() { return bucket_->store(); }
  store::testing::Loop& loop() { return bucket_->loop(); }

 private:
  std::unique_ptr<Bucket> bucket_{testing::has_real_server() ? new Bucket() : nullptr};
};

}  // namespace
}  // namespace ci::store::s3

namespace ci::store::testing {

INSTANTIATE_TYPED_TEST_SUITE_P(S3, ObjectSuite, s3::Harness);
}  // namespace ci::store::testing

namespace ci::store::s3 {
namespace {

class S3Store_ : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::has_real_server()) GTEST_SKIP() << testing::no_real_server;
    bucket_.emplace();
  }

  template <class T>
  T run(awaitable<T> work) {
    return bucket_->loop().run(std::move(work));
  }
  StoredObject put(const std::string& key, std::string text, std::uint64_t limit = 200 << 20) {
    StringSource source(std::move(text));
    return run(bucket_->store().put(key, source, limit));
  }
  std::string text_of(const std::string& key) {
    auto object = run(bucket_->store().open(key));
    return object ? run(read_all(*object->body)) : "absent";
  }
  size_t unfinished() {
    Call call("GET", "");
    call.query.emplace_back("uploads", "");
    return parse_unfinished(run(bucket_->client().call(call)).body).size();
  }

  std::optional<Bucket> bucket_;
};

// Bytes that are made as they are read, and counted; can fail at a point.
class CountingSource final : public ByteSource {
 public:
  explicit CountingSource(std::uint64_t size, std::uint64_t fails_at = ~std::uint64_t{0})
      : left_(size), fails_at_(fails_at) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override {
    if (given >= fails_at_) throw Failure(FailureKind::timeout, "the peer is gone");
    const size_t count = static_cast<size_t>(std::min<std::uint64_t>({into.size(), left_, 100'000}));
    for (size_t i = 0; i < count; ++i) into[i] = byte_at(given + i);
    given += count;
    left_ -= count;
    co_return count;
  }
  static std::byte byte_at(std::uint64_t position) { return static_cast<std::byte>((position * 2654435761u) >> 13); }
  std::uint64_t given = 0;

 private:
  std::uint64_t left_, fails_at_;
};

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

TEST_F(S3Store_, AHundredMegabytesCostAFewBothWays) {
  constexpr std::uint64_t size = 100 << 20;
  put("warm/up", std::string(12 << 20, 'x'));  // what is allocated once
  CountingSource source(size);
  const std::uint64_t before = resident_bytes();
  std::uint64_t most = 0;
  const StoredObject stored = run(bucket_->store().put("large/one", source, size));
  most = std::max(most, resident_bytes());
  EXPECT_EQ(stored.size, size);
  EXPECT_EQ(source.given, size);

  auto object = run(bucket_->store().open("large/one"));
  ASSERT_TRUE(object);
  EXPECT_EQ(object->size, size);
  std::vector<std::byte> buffer(64 << 10);
  std::uint64_t position = 0, wrong = 0;
  for (;;) {
    const size_t count = run(object->body->read_some(buffer));
    if (count == 0) break;
    for (size_t i = 0; i < count; ++i) wrong += buffer[i] != CountingSource::byte_at(position + i);
    position += count;
    most = std::max(most, resident_bytes());
  }
  EXPECT_EQ(position, size);
  EXPECT_EQ(wrong, 0u);
  EXPECT_LT(most - before, 24u << 20) << "of " << size;
  EXPECT_TRUE(run(bucket_->store().open("large/one"))->metadata.empty());  // the mark of the upload is ours alone
}

TEST_F(S3Store_, PartsMeetTheirEdgesAndGiveTheSameHash) {
  const std::uint64_t part = bucket_->settings().part_bytes;
  for (const std::uint64_t size : {part - 1, part, part + 1, 2 * part, 2 * part + 12345}) {
    CountingSource source(size);
    const StoredObject stored = run(bucket_->store().put("edges/a", source, size));
    std::string expected(size, '\0');
    for (std::uint64_t i = 0; i < size; ++i) expected[i] = static_cast<char>(CountingSource::byte_at(i));
    EXPECT_EQ(stored.sha256, sha256_hex(expected)) << size;
    EXPECT_EQ(stored.size, size);
    EXPECT_EQ(text_of("edges/a"), expected) << size;
  }
}

TEST_F(S3Store_, AFailedUploadOfPartsIsAbortedAndTheOlderObjectStays) {
  put("l/l", "older");
  CountingSource too_large(12 << 20);
  EXPECT_EQ(failure_of([&] { run(bucket_->store().put("l/l", too_large, 11 << 20)); }), FailureKind::exhausted);
  EXPECT_LE(too_large.given, (11u << 20) + 200'000);
  CountingSource broken(12 << 20, 8 << 20);
  EXPECT_EQ(failure_of([&] { run(bucket_->store().put("l/l", broken, 20 << 20)); }), FailureKind::timeout);
  EXPECT_EQ(text_of("l/l"), "older");
  EXPECT_EQ(unfinished(), 0u);
}

TEST_F(S3Store_, UploadsThatNobodyEndedAreRemoved) {
  put("a/b", "x");
  Call call("POST", "a/begun");
  call.query.emplace_back("uploads", "");
  ASSERT_TRUE(run(bucket_->client().call(call)).ok());
  ASSERT_EQ(unfinished(), 1u);
  EXPECT_EQ(run(bucket_->store().remove_unfinished(std::chrono::hours(1))), 0);
  EXPECT_EQ(run(bucket_->store().remove_unfinished(std::chrono::seconds(-5))), 1);
  EXPECT_EQ(unfinished(), 0u);
}

TEST_F(S3Store_, PingMakesTheBucketOnce) {
  EXPECT_TRUE(run(bucket_->store().list("", "", 10)).objects.empty());  // also without a bucket
  EXPECT_FALSE(run(bucket_->store().head("a/b")));
  EXPECT_FALSE(run(bucket_->store().open("a/b")));
  run(bucket_->store().ping());
  run(bucket_->store().ping());
  S3Store second(bucket_->settings(), bucket_->loop().executor(), bucket_->loop().pool());
  run(second.ping());
  put("a/b", "x");
  EXPECT_EQ(text_of("a/b"), "x");
}

TEST_F(S3Store_, WrongKeysAreOurMistakeAndNotShown) {
  for (const bool secret : {false, true}) {
    S3Settings settings = bucket_->settings();
    (secret ? settings.secret_key : settings.access_key) = "wrong-but-secret";
    S3Store store(settings, bucket_->loop().executor(), bucket_->loop().pool());
    try {
      run(store.ping());
      FAIL();
    } catch (const Failure& failure) {
      const std::string what = failure.what();
      EXPECT_EQ(failure.kind(), FailureKind::internal);
      EXPECT_TRUE(what.contains(secret ? "SignatureDoesNotMatch" : "InvalidAccessKeyId")) << what;
      EXPECT_FALSE(what.contains("wrong-but-secret")) << what;
      EXPECT_FALSE(what.contains(settings.secret_key)) << what;
    }
  }
}

TEST_F(S3Store_, ObjectsOfOthersAreLeftAlone) {
  put("sessions/s/uploads/f", "x");
  for (const char* key : {"sessions/s/uploads/with space & <more>", "sessions/s/uploads/é", "sessions//double"}) {
    Call call("PUT", key);
    ASSERT_TRUE(run(bucket_->client().call(call)).ok()) << key;
  }
  const auto page = run(bucket_->store().list("sessions/", "", 100));
  ASSERT_EQ(page.objects.size(), 1u);
  EXPECT_EQ(page.objects[0].key, "sessions/s/uploads/f");
  for (const char* key : {"sessions/s/uploads/with space & <more>", "sessions/s/uploads/é", "sessions//double"}) {
    const Call call("DELETE", key);
    run(bucket_->client().call(call));
  }
}

TEST_F(S3Store_, ReadsTheMetadataOfOthers) {
  put("a/b", "x");
  Call call("PUT", "states/s/state.dat");
  call.headers = {{"x-amz-meta-archived_at", "2026-01-09T10:20:55+00:00"}, {"x-amz-meta-original_size", "7"}};
  ASSERT_TRUE(run(bucket_->client().call(call)).ok());
  const auto info = run(bucket_->store().head("states/s/state.dat"));
  ASSERT_TRUE(info);
  EXPECT_EQ(info->metadata.at("archived-at"), "2026-01-09T10:20:55+00:00");
  EXPECT_EQ(info->metadata.at("original-size"), "7");
}

// The type of an object as other readers of the bucket see it.
TEST_F(S3Store_, ObjectsCarryTheirType) {
  for (const std::uint64_t size : {std::uint64_t{10}, bucket_->settings().part_bytes + 1}) {
    StringSource source(std::string(size, 'x'));
    const Metadata metadata = {{content_type_name, "image/png"}, {"original-size", "7"}};
    run(bucket_->store().put("typed/object", source, size, metadata));
    Call call("HEAD", "typed/object");
    const Answer answer = run(bucket_->client().call(call));
    ASSERT_TRUE(answer.ok());
    const std::string* type = answer.head.find("content-type");
    ASSERT_NE(type, nullptr);
    EXPECT_EQ(*type, "image/png");
    EXPECT_EQ(run(bucket_->store().head("typed/object"))->metadata, Metadata({{"original-size", "7"}}));
  }
}

TEST_F(S3Store_, MoreLargeUploadsThanBuffersTakeTurns) {
  S3Settings settings = bucket_->settings();
  settings.parts_in_memory = 2;
  settings.timeout = std::chrono::seconds(60);
  S3Store store(settings, bucket_->loop().executor(), bucket_->loop().pool());
  std::vector<std::unique_ptr<CountingSource>> sources;
  std::vector<awaitable<void>> works;
  const auto put_one = [](S3Store& into, std::string key, ByteSource& source) -> awaitable<void> {
    co_await into.put(std::move(key), source, 100 << 20);
  };
  for (int i = 0; i < 8; ++i) {
    sources.push_back(std::make_unique<CountingSource>(1 << 20));
    works.push_back(put_one(store, "t/" + std::to_string(i), *sources.back()));
  }
  for (const auto& failure : bucket_->loop().run_together(std::move(works))) EXPECT_EQ(failure, nullptr);
  EXPECT_EQ(run(store.list("t/", "", 100)).objects.size(), 8u);
}

}  // namespace
}  // namespace ci::store::s3
