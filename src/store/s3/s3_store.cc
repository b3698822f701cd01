#include "store/s3/s3_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "base/sha256.h"
#include "store/s3/answers.h"
#include "store/s3/object_source.h"

namespace ci::store::s3 {

namespace {

constexpr int most_listed = 1000;  // what S3 gives at most
constexpr std::string_view metadata_prefix = "x-amz-meta-";
// No upload of ours takes as long.
constexpr std::chrono::hours oldest_upload{24};

Metadata metadata_of(const net::client::Head& head) {
  Metadata metadata;
  for (const auto& [name, value] : head.headers) {
    if (!name.starts_with(metadata_prefix) || name == upload_mark) continue;
    std::string own = name.substr(metadata_prefix.size());
    std::ranges::replace(own, '_', '-');
    metadata[std::move(own)] = value;
  }
  return metadata;
}

std::uint64_t number_in(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::uint64_t length_of(const net::client::Head& head) {
  const std::string* length = head.find("content-length");
  return length == nullptr ? 0 : number_in(*length);
}

// "bytes 5-9/100"
std::optional<std::uint64_t> total_of(const net::client::Head& head) {
  const std::string* range = head.find("content-range");
  const size_t slash = range == nullptr ? std::string::npos : range->rfind('/');
  if (slash == std::string::npos || slash + 1 == range->size() || (*range)[slash + 1] == '*') return std::nullopt;
  return number_in(std::string_view(*range).substr(slash + 1));
}

OpenObject empty_object(const net::client::Head& head) {
  OpenObject object(0, std::make_unique<StringSource>(""));
  object.total = length_of(head);
  object.metadata = metadata_of(head);
  return object;
}

}  // namespace

S3Store::S3Store(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool)
    : client_(std::make_shared<S3Client>(settings, executor, pool)),
      pool_(pool),
      buffers_(executor, settings.part_bytes, settings.parts_in_memory) {
  if (const auto problem = problem_of(settings)) throw Failure(FailureKind::invalid, *problem);
}

awaitable<void> S3Store::make_bucket() {
  const S3Settings& settings = client_->settings();
  Call call("PUT", "");
  std::string body;
  if (settings.region != "us-east-1") {
    body = fmt::format(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{}"
        "</LocationConstraint></CreateBucketConfiguration>",
        settings.region);
    call.body = std::as_bytes(std::span(body));
    call.payload_hash = sha256_hex(body);
  }
  const Answer answer = co_await client_->call(call);
  if (answer.ok()) {
    if (!std::exchange(bucket_made_, true)) log_info("bucket made", {{"bucket", settings.bucket}});
  } else if (
      answer.code != "BucketAlreadyOwnedByYou" && answer.code != "OperationAborted") {  // another replica was first
    throw client_->failure_of(answer, fmt::format("making the bucket {}", settings.bucket));
  }
}

awaitable<Answer> S3Store::call_with_bucket(const Call& call) {
  Answer answer = co_await client_->call(call);
  if (answer.code != "NoSuchBucket") co_return answer;
  co_await make_bucket();
  co_return co_await client_->call(call);
}

awaitable<std::optional<Answer>> S3Store::ask_head(const std::string& key) {
  const Call call("HEAD", key);
  Answer answer = co_await client_->call(call);
  if (answer.status() == 404) co_return std::nullopt;
  if (!answer.ok()) throw client_->failure_of(answer, "looking at the object " + key);
  co_return std::optional<Answer>(std::move(answer));
}

awaitable<std::optional<OpenObject>> S3Store::open(std::string key, Range range) {
  CHECK(is_object_key(key));
  Call call("GET", key);
  std::optional<OpenObject> object;
  // A range of nothing cannot be asked for.
  const bool possible = range.length > 0 && range.offset < largest_object;
  if (possible && !range.whole()) call.headers.emplace_back("range", range_header(range));
  Answer answer;
  if (possible) {
    answer = co_await client_->open(call);
    if (answer.status() == 404) co_return object;
  }
  if (!possible || answer.status() == 416) {  // behind the end
    const auto whole = co_await ask_head(key);
    if (whole) object.emplace(empty_object(whole->head));
    co_return object;
  }
  if (!answer.ok()) throw client_->failure_of(answer, "opening the object " + key);
  if (!range.whole() && answer.status() != 206) {
    throw Failure(FailureKind::internal, "the object store does not know ranges");
  }
  const std::uint64_t size = length_of(answer.head);
  object.emplace(size, std::make_unique<ObjectSource>(client_, key, range.offset, size, std::move(answer)));
  auto& source = static_cast<ObjectSource&>(*object->body);
  if (!range.whole()) object->total = total_of(source.head()).value_or(range.offset + size);
  object->metadata = metadata_of(source.head());
  co_return object;
}

awaitable<std::optional<ObjectInfo>> S3Store::head(std::string key) {
  CHECK(is_object_key(key));
  std::optional<ObjectInfo> info;
  const auto answer = co_await ask_head(key);
  if (!answer) co_return info;
  info.emplace();
  info->key = key;
  info->size = length_of(answer->head);
  if (const std::string* modified = answer->head.find("last-modified")) {
    info->modified = parse_http_date(*modified).value_or(std::chrono::system_clock::time_point());
  }
  info->metadata = metadata_of(answer->head);
  co_return info;
}

awaitable<void> S3Store::remove(std::string key) {
  CHECK(is_object_key(key));
  const Call call("DELETE", key);
  const Answer answer = co_await client_->call(call);
  if (!answer.ok() && answer.status() != 404) throw client_->failure_of(answer, "removing the object " + key);
}

awaitable<ObjectStore::Page> S3Store::list(std::string prefix, std::string cursor, int limit) {
  Call call("GET", "");
  call.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", prefix}};
  call.query.emplace_back("max-keys", std::to_string(std::clamp(limit, 1, most_listed)));
  if (!cursor.empty()) call.query.emplace_back("continuation-token", cursor);
  const Answer answer = co_await client_->call(call);
  if (answer.code == "NoSuchBucket") co_return Page();
  if (!answer.ok()) throw client_->failure_of(answer, "listing objects");
  auto page = parse_list(answer.body);
  if (!page) throw Failure(FailureKind::internal, "listing objects: the object store answered something else");
  co_return std::move(*page);
}

// The first time with a list, whose answer has a body that tells what is wrong; then with what costs the least, since
// readiness is asked for all the time.
awaitable<void> S3Store::ping() {
  Call call(tidied_ ? "HEAD" : "GET", "");
  if (!tidied_) call.query = {{"list-type", "2"}, {"max-keys", "1"}};
  call.again = false;
  const Answer answer = co_await client_->call(call);
  if (answer.code == "NoSuchBucket" || (tidied_ && answer.status() == 404)) {
    co_await make_bucket();
  } else if (!answer.ok()) {
    throw client_->failure_of(answer, fmt::format("looking at the bucket {}", client_->settings().bucket));
  }
  if (!std::exchange(tidied_, true)) co_await tidy();
}

awaitable<Facts> S3Store::facts() {
  co_await ping();
  Facts facts;
  facts.emplace_back("backend", "s3");
  facts.emplace_back("endpoint", client_->settings().endpoint);
  facts.emplace_back("bucket", client_->settings().bucket);
  facts.emplace_back("bucket_exists", true);  // or it would have been made, or ping() would have failed
  facts.emplace_back("secure", client_->settings().secure);
  co_return facts;
}

// What a crash of ours left. Not every key may list uploads, and nothing depends on it.
awaitable<void> S3Store::tidy() {
  std::string reason;
  try {
    const int removed = co_await remove_unfinished(oldest_upload);
    if (removed > 0) log_info("unfinished uploads removed", {{"count", removed}});
  } catch (const Failure& failure) {
    reason = failure.what();
  }
  if (!reason.empty()) log_debug("unfinished uploads not looked for", {{"reason", reason}});
}

std::unique_ptr<ObjectStore> open(const S3Settings& settings, asio::any_io_executor executor, asio::thread_pool& pool) {
  return std::make_unique<S3Store>(settings, std::move(executor), pool);
}

}  // namespace ci::store::s3
