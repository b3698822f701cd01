#pragma once
// Finds the end of a request body and takes the chunk framing off. Does no I/O: bytes in, bytes out.

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ci::net {

class BodyDecoder {
 public:
  // A body of exactly `length` bytes.
  static BodyDecoder of_length(std::uint64_t length) { return BodyDecoder(State::plain, length); }
  // A body in chunks (RFC 9112, 7.1); extensions and trailers are dropped.
  static BodyDecoder chunked() { return BodyDecoder(State::size_start, 0); }

  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
  };
  // Decodes as much of `from` as fits into `into`. Wrong framing is an error, and stays one.
  std::expected<Step, std::string> decode(std::string_view from, std::span<std::byte> into);

  bool done() const { return state_ == State::done; }
  // Bytes still to come, when that is known.
  std::optional<std::uint64_t> remaining() const;

 private:
  enum class State {
    plain,
    size_start,
    size,
    extension,
    size_line_feed,
    data,
    data_return,
    data_line_feed,
    trailer_start,
    trailer,
    trailer_line_feed,
    last_line_feed,
    done,
    broken,
  };

  BodyDecoder(State state, std::uint64_t left) : state_(state), left_(left) {
    if (state_ == State::plain && left_ == 0) state_ = State::done;
  }
  bool take_framing(char c);

  State state_;
  std::uint64_t left_;        // of the plain body or the current chunk
  std::size_t overhead_ = 0;  // bytes of all extensions and trailers
};

}  // namespace ci::net
