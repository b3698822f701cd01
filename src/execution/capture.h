#pragma once
// One stream of a running program: what the client will read of it, whole characters for those who read along, and the
// whole.

#include <string>
#include <string_view>

#include "execution/long_output.h"
#include "execution/terminal_text.h"
#include "pool/sandbox_pool.h"

namespace ci::execution {

class Capture {
 public:
  Capture(pool::Stream stream, TerminalText text, LongOutput whole)
      : stream_(stream), text_(std::move(text)), whole_(std::move(whole)) {}

  awaitable<void> add(std::string_view bytes);
  // After the last piece: what the client reads.
  std::string finish();
  // After finish(): whether that is only the beginning.
  bool cut() const { return text_.cut(); }
  LongOutput& whole() { return whole_; }
  pool::Stream stream() const { return stream_; }

  // The characters that end in `bytes`, which follow those of the last call; well-formed UTF-8, nothing else changed.
  std::string characters(std::string_view bytes);
  // What is left of them when nothing more comes.
  std::string last_characters();

 private:
  pool::Stream stream_;
  TerminalText text_;
  LongOutput whole_;
  std::string unfinished_;  // a character that has only begun
};

}  // namespace ci::execution
