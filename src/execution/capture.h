#pragma once
// One stream of a running program: what the client will read of it, a live copy, and the whole.

#include <functional>
#include <string>
#include <string_view>

#include "execution/long_output.h"
#include "execution/terminal_text.h"
#include "pool/sandbox_pool.h"

namespace ci::execution {

// Live output: well-formed UTF-8, nothing else changed; may be empty.
using OnOutput = std::function<void(pool::Stream, std::string_view)>;

class Capture {
 public:
  // `live` outlives it.
  Capture(pool::Stream stream, TerminalText text, LongOutput whole, const OnOutput& live)
      : stream_(stream), text_(std::move(text)), whole_(std::move(whole)), live_(live) {}

  awaitable<void> add(std::string_view bytes);
  // After the last piece: what the client reads.
  std::string finish();
  // After finish(): whether that is only the beginning.
  bool cut() const { return text_.cut(); }
  LongOutput& whole() { return whole_; }

 private:
  pool::Stream stream_;
  TerminalText text_;
  LongOutput whole_;
  const OnOutput& live_;
  std::string unsent_;
};

}  // namespace ci::execution
