// The half of S3Store that stores.

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/cancellation_state.hpp>
#include <cstring>

#include "base/ids.h"
#include "base/log.h"
#include "base/sha256.h"
#include "store/s3/answers.h"
#include "store/s3/object_source.h"
#include "store/s3/s3_store.h"

namespace ci::store::s3 {

namespace {

// Objects up to this size need no large buffer.
constexpr size_t small_object = 256 << 10;

// On the wire our hyphens are underscores: so others spell these names who read and write the same bucket.
Pairs headers_for(const Metadata& metadata) {
  Pairs headers;
  for (const auto& [name, value] : metadata) {
    std::string theirs = name;
    std::ranges::replace(theirs, '-', '_');
    headers.emplace_back(name == content_type_name ? name : "x-amz-meta-" + theirs, value);
  }
  return headers;
}

}  // namespace

awaitable<StoredObject> S3Store::put(std::string key, ByteSource& source, std::uint64_t limit, Metadata metadata) {
  CHECK(is_object_key(key) && is_metadata(metadata));
  const S3Settings& settings = client_->settings();
  PartReader reader(source, limit, pool_);
  Pairs headers = headers_for(metadata);
  StoredObject stored;

  const size_t small = std::min<size_t>(small_object, settings.part_bytes);
  auto first = std::make_unique_for_overwrite<std::byte[]>(small);
  size_t filled = co_await reader.fill(std::span(first.get(), small));
  if (filled < small) {
    const std::span<const std::byte> body(first.get(), filled);
    co_await reader.hash(body, false);
    stored.sha256 = reader.sha256();
    co_await put_whole(key, body, stored.sha256, std::move(headers));
    stored.size = reader.size();
    co_return stored;
  }

  const auto lease = co_await buffers_.take(after(settings.timeout));
  const std::span<std::byte> buffer = lease->bytes();
  std::memcpy(buffer.data(), first.get(), filled);
  first.reset();
  if (filled < buffer.size()) filled += co_await reader.fill(buffer.subspan(filled));
  if (filled < buffer.size()) {
    const auto body = buffer.first(filled);
    co_await reader.hash(body, false);
    stored.sha256 = reader.sha256();
    co_await put_whole(key, body, stored.sha256, std::move(headers));
  } else {
    co_await put_parts(key, reader, buffer, filled, std::move(headers));
    stored.sha256 = reader.sha256();
  }
  stored.size = reader.size();
  co_return stored;
}

awaitable<void> S3Store::put_whole(
    const std::string& key, std::span<const std::byte> body, std::string hash, Pairs headers) {
  Call call("PUT", key);
  call.headers = std::move(headers);
  call.body = body;
  call.payload_hash = std::move(hash);
  const Answer answer = co_await call_with_bucket(call);
  if (!answer.ok()) throw client_->failure_of(answer, "storing the object " + key);
}

awaitable<void> S3Store::put_parts(
    const std::string& key, PartReader& reader, std::span<std::byte> buffer, size_t filled, Pairs headers) {
  const std::string mark = new_id();
  headers.emplace_back(upload_mark, mark);
  const std::string upload = co_await begin_upload(key, std::move(headers));
  std::exception_ptr failure;
  try {
    std::vector<std::string> etags;
    co_await send_parts(key, upload, reader, buffer, filled, etags);
    co_await end_upload(key, upload, etags, mark);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) co_return;
  // Also when the client has left: what was sent would stay for good, unseen and paid for.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await abort_upload(key, upload);
  std::rethrow_exception(failure);
}

awaitable<std::string> S3Store::begin_upload(const std::string& key, Pairs headers) {
  Call call("POST", key);
  call.query.emplace_back("uploads", "");
  call.headers = std::move(headers);
  const Answer answer = co_await call_with_bucket(call);
  std::string id = answer.ok() ? parse_upload_id(answer.body) : std::string();
  if (id.empty()) throw client_->failure_of(answer, "beginning to store the object " + key);
  co_return id;
}

awaitable<void> S3Store::send_parts(
    const std::string& key, const std::string& upload, PartReader& reader, std::span<std::byte> buffer, size_t filled,
    std::vector<std::string>& etags) {
  const bool secure = client_->settings().secure;
  while (filled > 0) {
    Call call("PUT", key);
    call.query.emplace_back("partNumber", std::to_string(etags.size() + 1));
    call.query.emplace_back("uploadId", upload);
    call.body = buffer.first(filled);
    // A second hash, for the part alone, is worth its time only where nothing else guards the bytes on their way.
    call.payload_hash = co_await reader.hash(call.body, !secure);
    if (secure) call.payload_hash = unsigned_payload;
    const Answer answer = co_await client_->call(call);
    const std::string* etag = answer.head.find("etag");
    if (!answer.ok() || etag == nullptr) throw client_->failure_of(answer, "storing a part of the object " + key);
    etags.push_back(*etag);
    if (filled < buffer.size()) break;
    filled = co_await reader.fill(buffer);
  }
}

awaitable<void> S3Store::end_upload(
    const std::string& key, const std::string& upload, const std::vector<std::string>& etags, const std::string& mark) {
  const std::string body = completion(etags);
  Call call("POST", key);
  call.query.emplace_back("uploadId", upload);
  call.body = std::as_bytes(std::span(body));
  call.payload_hash = sha256_hex(body);
  call.headers.emplace_back("content-type", "application/xml");
  const Answer answer = co_await client_->call(call);
  if (answer.ok()) co_return;
  if (answer.code == "NoSuchUpload" && answer.tries > 1) {
    // An earlier try may have done it without our hearing of it.
    const auto info = co_await ask_head(key);
    const std::string* found = info ? info->head.find(upload_mark) : nullptr;
    if (found != nullptr && *found == mark) co_return;
  }
  throw client_->failure_of(answer, "finishing to store the object " + key);
}

awaitable<void> S3Store::abort_upload(std::string key, std::string upload) {
  Call call("DELETE", key);
  call.query.emplace_back("uploadId", upload);
  call.again = false;
  std::string reason;
  try {
    const Answer answer = co_await client_->call(call);
    if (!answer.ok() && answer.code != "NoSuchUpload")
      reason = client_->failure_of(answer, "aborting an upload").what();
  } catch (const Failure& failure) {
    reason = failure.what();
  }
  if (!reason.empty()) log_warning("unfinished upload stays in the bucket", {{"object", key}, {"reason", reason}});
}

awaitable<int> S3Store::remove_unfinished(std::chrono::seconds age) {
  Call call("GET", "");
  call.query.emplace_back("uploads", "");
  call.again = false;
  const Answer answer = co_await client_->call(call);
  if (answer.code == "NoSuchBucket") co_return 0;
  if (!answer.ok()) throw client_->failure_of(answer, "listing unfinished uploads");
  int removed = 0;
  for (const UnfinishedUpload& upload : parse_unfinished(answer.body)) {
    if (std::chrono::system_clock::now() - upload.begun < age) continue;
    co_await abort_upload(upload.key, upload.id);
    ++removed;
  }
  co_return removed;
}

}  // namespace ci::store::s3
