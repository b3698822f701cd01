#include "net/request_body.h"

#include <vector>

namespace ci::net {

namespace {

constexpr std::uint64_t skip_limit = 1 << 20;  // of a body that no handler wanted

BodyDecoder decoder_for(const RequestHead& head) {
  if (head.chunked) return BodyDecoder::chunked();
  return BodyDecoder::of_length(head.content_length.value_or(0));
}

}  // namespace

RequestBody::RequestBody(std::shared_ptr<void> owner, Intake& intake, Outbox& outbox, const RequestHead& head)
    : owner_(std::move(owner)),
      intake_(intake),
      outbox_(outbox),
      decoder_(decoder_for(head)),
      expects_continue_(head.expects_continue) {
  intake_.begin();
}

void RequestBody::fail(FailureKind kind, const std::string& reason) {
  broken_ = true;
  throw Failure(kind, reason);
}

awaitable<size_t> RequestBody::read_some(std::span<std::byte> into) {
  CHECK(!into.empty());
  Inbox& inbox = intake_.inbox();
  if (decoder_.done()) co_return 0;
  if (broken_) fail(FailureKind::invalid, "The request body is incomplete");
  if (expects_continue_) {
    expects_continue_ = false;
    Transport::Pieces pieces;
    pieces[0] = asio::buffer(std::string_view("HTTP/1.1 100 Continue\r\n\r\n"));
    if (inbox.bytes().empty()) co_await outbox_.write(pieces);
  }
  for (;;) {
    const auto step = decoder_.decode(inbox.bytes(), into);
    if (!step) fail(FailureKind::invalid, step.error());
    inbox.consume(step->consumed);
    if (step->produced > 0 || decoder_.done()) {
      inbox.read_ahead(owner_);
      co_return step->produced;
    }
    if (inbox.ended()) fail(FailureKind::invalid, "The client left before the end of the request body");
    const Inbox::Wake reason = co_await intake_.wait_at_pace(owner_);
    if (reason != Inbox::Wake::arrival) fail(FailureKind::timeout, "The request body came too slowly");
  }
}

bool RequestBody::can_be_skipped() const {
  if (decoder_.done()) return true;
  // Without our "100 Continue" nobody knows whether the body will come.
  return !expects_continue_ && !broken_ && decoder_.remaining().value_or(0) <= skip_limit;
}

awaitable<bool> RequestBody::skip() {
  std::vector<std::byte> scratch(16 << 10);
  std::uint64_t skipped = 0;
  try {
    while (!decoder_.done()) {
      skipped += co_await read_some(scratch);
      if (skipped > skip_limit) co_return false;
    }
  } catch (const Failure&) {
    co_return false;  // the answer is out; there is nobody to tell
  }
  co_return true;
}

}  // namespace ci::net
