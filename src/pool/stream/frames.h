#pragma once
// A run on its way between a pool and the runner in an execution pod, as the two bodies of one HTTP exchange. Each is a row of
// frames: a byte that says what it is, four with its length, most significant first, and so many bytes. Neither end believes the other.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/async.h"
#include "base/byte_source.h"

namespace ci::pool {

enum class FrameTag : char {
  // pool → runner: one `program`, then a body for each input in the order of its list, which has small ones first
  // (texts.h), then one for the state if there is one
  program = 'P',
  // A body: any number of `data`, then `end`; or only `absent`, when there is nothing to be had.
  data = 'D',
  end = 'E',
  absent = 'A',
  // runner → pool, the events of sandbox_pool.h in their order
  out = 'o',
  err = 'e',
  call = 'C',
  state = 'S',  // then a body
  outcome = 'O',
  file = 'F',  // then a body
  collected = 'X',
  failed = '!',  // the sandbox did what it should not; nothing follows
};

struct Frame {
  Frame(FrameTag what, std::string bytes) : tag(what), payload(std::move(bytes)) {}
  FrameTag tag;
  std::string payload;
};

std::string frame_bytes(FrameTag tag, std::string_view payload = {});

class FrameReader {
 public:
  // Reads from `source`, which outlives it.
  explicit FrameReader(ByteSource& source) : source_(source) {}

  // Nothing at the end of the source. More than `longest` bytes, and an end in the middle, fail as `invalid`.
  awaitable<std::optional<Frame>> next(std::size_t longest);

  // Of a body: the next piece; nothing at its end. `was_absent` afterwards says that there was none.
  awaitable<std::optional<std::string>> next_piece();
  bool was_absent() const { return was_absent_; }

 private:
  awaitable<bool> fill(std::size_t wanted);

  ByteSource& source_;
  std::string buffer_;
  std::size_t taken_ = 0;
  bool was_absent_ = false;
};

inline constexpr std::size_t longest_piece = 256 << 10;    // of a body, of output
inline constexpr std::size_t longest_program = 128 << 20;  // code and arguments, as JSON
inline constexpr std::size_t longest_notice = 8 << 20;     // any other

}  // namespace ci::pool
