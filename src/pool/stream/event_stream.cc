#include "pool/stream/event_stream.h"

#include <boost/asio/post.hpp>
#include <optional>
#include <vector>

#include "base/failure.h"
#include "base/log.h"
#include "pool/stream/texts.h"

namespace ci::pool {

namespace {

constexpr std::size_t event_piece = 64 << 10;
constexpr std::uint32_t most_at_once = 64;

// A file, and the room that it takes.
class KeptFile final : public ByteSource {
 public:
  KeptFile(std::unique_ptr<ByteSource> file, std::shared_ptr<net::BodyBudget::Share> room)
      : room_(std::move(room)), file_(std::move(file)) {}
  awaitable<size_t> read_some(std::span<std::byte> into) override { return file_->read_some(into); }
  int descriptor() const override { return file_->descriptor(); }

 private:
  std::shared_ptr<net::BodyBudget::Share> room_;
  std::unique_ptr<ByteSource> file_;
};

awaitable<void> send_body(ByteSource& body, const WriteBytes& write) {
  std::vector<std::byte> piece(event_piece);
  while (const std::size_t count = co_await body.read_some(piece)) {
    const std::string bytes =
        frame_bytes(FrameTag::data, std::string_view(reinterpret_cast<const char*>(piece.data()), count));
    co_await write(bytes);
  }
  const std::string end = frame_bytes(FrameTag::end);
  co_await write(end);
}

}  // namespace

awaitable<void> send_event(Event event, const WriteBytes& write) {
  std::string bytes;
  ByteSource* body = nullptr;
  if (const auto* output = std::get_if<Output>(&event)) {
    bytes = frame_bytes(output->stream == Stream::out ? FrameTag::out : FrameTag::err, output->bytes);
  } else if (const auto* call = std::get_if<Call>(&event)) {
    bytes = frame_bytes(FrameTag::call, call_text(*call));
  } else if (const auto* left = std::get_if<StateLeft>(&event)) {
    bytes = frame_bytes(FrameTag::state);
    body = left->state.get();
  } else if (const auto* outcome = std::get_if<Outcome>(&event)) {
    bytes = frame_bytes(FrameTag::outcome, outcome_text(*outcome));
  } else if (const auto* file = std::get_if<OutputFile>(&event)) {
    bytes = frame_bytes(FrameTag::file, file_text(*file));
    body = file->body.get();
  } else if (const auto* collected = std::get_if<Collected>(&event)) {
    bytes = frame_bytes(FrameTag::collected, collected_text(*collected));
  } else {
    co_return;
  }
  co_await write(bytes);
  if (body != nullptr) co_await send_body(*body, write);
}

// Output, calls and at most one state, then the outcome, then files and the end.
void EventReader::check_order(FrameTag tag) {
  const bool is_of_the_end = tag == FrameTag::file || tag == FrameTag::collected;
  const bool is_second = tag == FrameTag::state && has_state_;
  if (is_second || is_of_the_end != has_outcome_)
    throw Failure(FailureKind::invalid, "the pod tells things in an order that they cannot have");
  if (tag == FrameTag::state) has_state_ = true;
  if (tag == FrameTag::outcome) has_outcome_ = true;
}

Call EventReader::take_call(const std::string& payload) {
  Call call = read_call(payload);
  if (!limits_.calls || open_calls_.size() >= most_open_calls || !open_calls_.insert(call.number).second)
    throw Failure(FailureKind::invalid, "the pod calls more often than it may");
  return call;
}

awaitable<Event> EventReader::next() {
  // Small frames fill a buffer by the thousand, and none of them is waited for. Others have their turn, too.
  if (++at_once_ % most_at_once == 0) co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  std::optional<Frame> frame = co_await frames_.next(longest_notice);
  if (!frame) throw Failure(FailureKind::unavailable, "the pod ended before its run was over");
  if (frame->tag != FrameTag::failed) check_order(frame->tag);
  std::uint64_t size = 0;
  switch (frame->tag) {
    case FrameTag::out:
      co_return Event(Output(Stream::out, std::move(frame->payload)));
    case FrameTag::err:
      co_return Event(Output(Stream::err, std::move(frame->payload)));
    case FrameTag::call:
      co_return Event(take_call(frame->payload));
    case FrameTag::outcome:
      co_return Event(read_outcome(frame->payload));
    case FrameTag::collected:
      co_return take_collected(frame->payload);
    case FrameTag::state: {
      auto body = co_await read_body(limits_.state, size, Spool::Place::memory);
      co_return Event(StateLeft(std::move(body)));
    }
    case FrameTag::file:
      co_return co_await take_file(std::move(frame->payload));
    case FrameTag::failed:
      throw Failure(FailureKind::unavailable, "the sandbox failed: " + frame->payload.substr(0, 500));
    default:
      throw Failure(FailureKind::invalid, "the pod says what nobody understands");
  }
}

Event EventReader::take_collected(const std::string& payload) {
  Collected collected = read_collected(payload);
  for (std::string& name : unkept_) {
    ++collected.skipped_files[static_cast<std::size_t>(LeftOut::storing)];
    collected.skipped.emplace_back(std::move(name), LeftOut::storing, 1);
  }
  return Event(std::move(collected));
}

awaitable<Event> EventReader::take_file(std::string payload) {
  bool written = false;
  StatedInput file = read_file(payload, written);
  if (++files_ > limits_.files) throw Failure(FailureKind::invalid, "the pod hands out more files than it may");
  std::uint64_t size = 0;
  auto body = co_await read_body(limits_.file, size, Spool::Place::disk);
  if (body) co_return Event(OutputFile(std::move(file.name), std::move(body), size, written));
  log_warning("no room for a file that a program left", {{"bytes", size}});
  unkept_.push_back(std::move(file.name));
  co_return co_await next();
}

// Null, when there is no room for it.
awaitable<std::unique_ptr<ByteSource>> EventReader::read_body(
    std::uint64_t limit, std::uint64_t& size, Spool::Place place) {
  const bool counts = place == Spool::Place::disk;
  std::optional<Spool> spool;
  spool.emplace(directory_, blocking_, place);
  for (;;) {
    auto piece = co_await frames_.next_piece();
    if (!piece) break;
    if (piece->empty()) throw Failure(FailureKind::invalid, "a piece of a file is empty");
    size += piece->size();
    if (size > limit) throw Failure(FailureKind::invalid, "the pod hands out too large a file");
    if (counts && spool && !room_->set(kept_ + size)) spool.reset();  // the rest of it is read and dropped
    if (spool) co_await spool->add(*piece);
  }
  if (!spool) {
    room_->set(kept_);
    co_return nullptr;
  }
  auto body = co_await spool->take();
  if (!counts) co_return body;
  kept_ += size;
  co_return std::make_unique<KeptFile>(std::move(body), room_);
}

}  // namespace ci::pool
