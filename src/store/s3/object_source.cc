#include "store/s3/object_source.h"

#include <fmt/format.h>

#include "base/log.h"

namespace ci::store::s3 {

namespace {

constexpr int tries_without_progress = 3;

}  // namespace

std::string range_header(const Range& range) {
  if (range.length >= largest_object) return fmt::format("bytes={}-", range.offset);
  return fmt::format("bytes={}-{}", range.offset, range.offset + range.length - 1);
}

ObjectSource::ObjectSource(
    std::shared_ptr<S3Client> client, std::string key, std::uint64_t offset, std::uint64_t length, Answer answer)
    : client_(std::move(client)), key_(std::move(key)), offset_(offset), left_(length), answer_(std::move(answer)) {}

awaitable<size_t> ObjectSource::read_some(std::span<std::byte> into) {
  if (left_ == 0) co_return 0;
  for (int tries = 0;; ++tries) {
    size_t count = 0;
    std::string reason;
    try {
      count = co_await answer_.stream->read_some(into);
      if (count == 0) reason = "the body ended early";
    } catch (const Failure& failure) {
      if (failure.kind() != FailureKind::unavailable || tries == tries_without_progress) throw;
      reason = failure.what();
    }
    if (reason.empty()) {
      offset_ += count;
      left_ -= count;
      co_return count;
    }
    if (tries == tries_without_progress) throw Failure(FailureKind::unavailable, reason);
    log_debug("reading an object again from where it broke off", {{"reason", reason}});
    co_await reopen();
  }
}

awaitable<void> ObjectSource::reopen() {
  const std::string* etag = answer_.head.find("etag");
  if (etag == nullptr) throw Failure(FailureKind::unavailable, "the connection to the object store broke");
  Call call("GET", key_);
  Range rest;
  rest.offset = offset_;
  rest.length = left_;
  call.headers.emplace_back("range", range_header(rest));
  call.headers.emplace_back("if-match", *etag);
  Answer next = co_await client_->open(call);
  if (next.status() != 206) {
    throw Failure(FailureKind::unavailable, fmt::format("the object {} changed while it was read", key_));
  }
  answer_ = std::move(next);
}

}  // namespace ci::store::s3
