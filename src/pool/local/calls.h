#pragma once
// The channel on which a program calls and is answered: two pipes, whose guest ends go into the sandbox with the word to start. The
// server holds the others, as it holds those of the program's output: no descriptor can come through a pipe, and the agent
// needs to know nothing of it. Nothing here waits. I/O thread.

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/unique_fd.h"
#include "pool/local/call_frames.h"

namespace ci::pool {

class Calls {
 public:
  explicit Calls(asio::any_io_executor executor);

  // For the guest; once.
  UniqueFd take_calls_end() { return std::move(guest_calls_); }
  UniqueFd take_answers_end() { return std::move(guest_answers_); }

  // What has come. False when nothing was there. A guest that says too much loses the channel.
  bool read(std::vector<Call>& into);
  // Says it now as far as the guest takes it, and the rest with write(). Fails as `exhausted` when the guest leaves too much
  // unread.
  void answer(const Answer& answer);
  void write();

  // Null: nothing to wait for.
  asio::posix::stream_descriptor* to_read() { return calls_.is_open() ? &calls_ : nullptr; }
  asio::posix::stream_descriptor* to_write() { return unsaid_.empty() ? nullptr : &answers_; }

 private:
  void close();

  asio::posix::stream_descriptor calls_, answers_;
  UniqueFd guest_calls_, guest_answers_;
  CallFrames frames_;
  std::deque<std::string> unsaid_;
  std::size_t said_ = 0, unsaid_bytes_ = 0;  // of the first; of all
};

}  // namespace ci::pool
