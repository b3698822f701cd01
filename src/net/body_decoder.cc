#include "net/body_decoder.h"

#include <algorithm>
#include <cstring>

#include "net/hex_value.h"

namespace ci::net {

namespace {

// Nobody needs extensions or trailers; a client that sends many of them is up to something.
constexpr std::size_t overhead_limit = 16 << 10;
constexpr std::uint64_t chunk_limit = std::uint64_t{1} << 60;

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

}  // namespace

std::optional<std::uint64_t> BodyDecoder::remaining() const {
  if (state_ == State::plain) return left_;
  if (state_ == State::done) return 0;
  return std::nullopt;
}

std::expected<BodyDecoder::Step, std::string> BodyDecoder::decode(std::string_view from, std::span<std::byte> into) {
  Step step;
  while (step.consumed < from.size() && state_ != State::done) {
    if (state_ == State::plain || state_ == State::data) {
      const std::size_t room = std::min(from.size() - step.consumed, into.size() - step.produced);
      const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, room));
      if (count == 0) break;
      std::memcpy(into.data() + step.produced, from.data() + step.consumed, count);
      step.consumed += count;
      step.produced += count;
      left_ -= count;
      if (left_ == 0) state_ = state_ == State::plain ? State::done : State::data_return;
    } else if (take_framing(from[step.consumed])) {
      ++step.consumed;
    } else {
      state_ = State::broken;
      return std::unexpected("Malformed chunk in the request body");
    }
  }
  return step;
}

// One byte of what is not data; false when it may not stand there.
bool BodyDecoder::take_framing(char c) {
  switch (state_) {
    case State::size_start:
    case State::size: {
      if (const int digit = hex_value(c); digit >= 0) {
        if (left_ >= chunk_limit >> 4) return false;
        left_ = left_ << 4 | static_cast<unsigned>(digit);
        state_ = State::size;
        return true;
      }
      if (state_ == State::size_start) return false;  // a size has a digit at least
      if (c == ';') state_ = State::extension;
      if (c == '\r') state_ = State::size_line_feed;
      return state_ != State::size;
    }
    case State::extension:
      if (c == '\r') state_ = State::size_line_feed;
      return c == '\r' || (!is_control(c) && ++overhead_ <= overhead_limit);
    case State::size_line_feed:
      state_ = left_ == 0 ? State::trailer_start : State::data;
      return c == '\n';
    case State::data_return:
      state_ = State::data_line_feed;
      return c == '\r';
    case State::data_line_feed:
      state_ = State::size_start;
      return c == '\n';
    case State::trailer_start:
    case State::trailer:
      if (c == '\r') {
        state_ = state_ == State::trailer_start ? State::last_line_feed : State::trailer_line_feed;
        return true;
      }
      state_ = State::trailer;
      return !is_control(c) && ++overhead_ <= overhead_limit;
    case State::trailer_line_feed:
      state_ = State::trailer_start;
      return c == '\n';
    case State::last_line_feed:
      state_ = State::done;
      return c == '\n';
    case State::plain:
    case State::data:
    case State::done:
    case State::broken:
      break;
  }
  return false;
}

}  // namespace ci::net
