#pragma once
// What a guest says of its session's state (guest/words.h), as the agent hears it. Nothing of it is believed: it is compared with how
// the process ends.

#include <optional>
#include <string>

#include "sandbox/guest/words.h"

namespace ci::sandbox {

class StateWords {
 public:
  // Whether the program has a state at all; without, nothing is heard.
  void expect(bool state) { expected_ = state; }
  bool expected() const { return expected_; }

  // True when with this word the program has said that it has ended, and how.
  bool hear(char word, bool in_time) {
    if (status_) {
      if (note_.size() < longest_note) note_ += word;
    } else if (status_follows_) {
      status_ = static_cast<unsigned char>(word);
      return true;
    } else if (word == words::unreadable && expected_) {
      unusable_ = true;
    } else if (word == words::ended && expected_ && in_time) {
      status_follows_ = true;
    }
    return false;
  }

  std::optional<int> status() const { return status_; }  // that it will end with, as it says
  bool status_follows() const { return status_follows_; }
  bool unusable() const { return unusable_; }  // it could not read the state
  const std::string& note() const { return note_; }

 private:
  static constexpr std::size_t longest_note = 1000;

  bool expected_ = false, status_follows_ = false, unusable_ = false;
  std::optional<int> status_;
  std::string note_;
};

}  // namespace ci::sandbox
