#pragma once
// The agent's end of what guest and agent say to each other (guest/words.h). Once the guest may be the user's code nothing
// here waits for it: what it does not take is said later, and what it says beyond a few kilobytes is not read.

#include <sys/types.h>

#include <functional>
#include <span>
#include <vector>

#include "base/unique_fd.h"

namespace ci::sandbox {

class GuestLine {
 public:
  // `agent`: a socket that receives nothing; `said`: a pipe.
  GuestLine(UniqueFd agent, UniqueFd said) : agent_(std::move(agent)), said_(std::move(said)) {}

  // Waits: no user's code is there yet. Returns the guest's process as the sandbox numbers it; one that failed or is
  // gone fails as `unavailable`.
  pid_t wait_until_ready();

  // Words for it. Whether it lives to hear them, waiting for it will tell.
  void say(char word, std::span<const int> descriptors = {});
  // What is in the file, then the end. As much as it takes now.
  void say_arguments(UniqueFd file);
  void say_more();

  // For poll(2); -1: nothing to wait for.
  int to_hear() const { return said_.get(); }                 // POLLIN: hear()
  int to_say() const { return saying_ ? agent_.get() : -1; }  // POLLOUT: say_more()

  // Calls `word` for each byte that has come. False when there was none, or no more are wanted.
  bool hear(const std::function<void(char)>& word);

 private:
  UniqueFd agent_, said_;
  UniqueFd arguments_;
  off_t arguments_said_ = 0;
  bool saying_ = false;
  size_t heard_ = 0;
};

}  // namespace ci::sandbox
