#pragma once
// What goes over a program's channel of calls (sandbox/guest/words.h), as bytes. Pure.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pool/sandbox_pool.h"

namespace ci::pool {

// Takes bytes as they come from a guest, who may send any, and remembers which calls have had no answer.
class CallFrames {
 public:
  // The calls that are whole by now, in order. Nothing more is to be read once broken() is true: the guest has said more than
  // longest_call at a time, or has more than most_open_calls open, or two of one number.
  std::vector<Call> take(std::string_view bytes);
  bool broken() const { return broken_; }

  // Closes the call and returns the frame of its answer; empty when nobody waits for that.
  std::string answer(const Answer& answer);

 private:
  std::string rest_;
  std::set<std::uint32_t> open_;
  bool broken_ = false;
};

}  // namespace ci::pool
