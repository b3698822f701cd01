#include "pool/stream/frames.h"

#include <algorithm>
#include <span>

#include "base/failure.h"

namespace ci::pool {

namespace {

constexpr std::size_t head_size = 5;
constexpr std::size_t read_size = 64 << 10;

}  // namespace

std::string frame_bytes(FrameTag tag, std::string_view payload) {
  std::string bytes;
  bytes.reserve(head_size + payload.size());
  bytes += static_cast<char>(tag);
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((payload.size() >> shift) & 0xff);
  bytes += payload;
  return bytes;
}

// False when the source ended before so many bytes were there.
awaitable<bool> FrameReader::fill(std::size_t wanted) {
  if (taken_ > 0 && (taken_ == buffer_.size() || taken_ >= read_size)) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  while (buffer_.size() - taken_ < wanted) {
    const std::size_t before = buffer_.size();
    buffer_.resize(before + std::max(read_size, std::min(wanted, longest_piece)));
    const auto room = std::as_writable_bytes(std::span(buffer_)).subspan(before);
    std::size_t count = 0;
    try {
      count = co_await source_.read_some(room);
    } catch (...) {
      buffer_.resize(before);
      throw;
    }
    buffer_.resize(before + count);
    if (count == 0) co_return false;
  }
  co_return true;
}

awaitable<std::optional<Frame>> FrameReader::next(std::size_t longest) {
  if (!co_await fill(head_size)) {
    if (buffer_.size() == taken_) co_return std::nullopt;
    throw Failure(FailureKind::invalid, "a run ended in the middle of a message");
  }
  std::size_t size = 0;
  for (std::size_t i = 1; i < head_size; ++i) size = size << 8 | static_cast<unsigned char>(buffer_[taken_ + i]);
  if (size > longest) throw Failure(FailureKind::invalid, "a message of a run is too long");
  if (!co_await fill(head_size + size)) throw Failure(FailureKind::invalid, "a run ended in the middle of a message");
  std::optional<Frame> frame;
  frame.emplace(static_cast<FrameTag>(buffer_[taken_]), buffer_.substr(taken_ + head_size, size));
  taken_ += head_size + size;
  co_return frame;
}

awaitable<std::optional<std::string>> FrameReader::next_piece() {
  std::optional<Frame> frame = co_await next(longest_piece);
  was_absent_ = frame && frame->tag == FrameTag::absent;
  if (frame && frame->tag == FrameTag::data) co_return std::move(frame->payload);
  if (!frame || (frame->tag != FrameTag::end && !was_absent_))
    throw Failure(FailureKind::invalid, "a file of a run ended in the middle");
  co_return std::nullopt;
}

}  // namespace ci::pool
