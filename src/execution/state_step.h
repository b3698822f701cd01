#pragma once
// What a run has to do with the Python state of its session. Does nothing for other languages, or when states are not
// kept. No failure of a store ends the run: it begins with nothing then, and the state on record stays as it is.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/failure.h"
#include "files/sessions.h"
#include "pool/sandbox_pool.h"
#include "state/states.h"
#include "state/turns.h"

namespace ci::execution {

class StateStep {
 public:
  // Both, or none when states are not kept. They outlive it.
  StateStep(state::States* states, state::Turns* turns, const std::string& language, asio::thread_pool& blocking);

  // Waits for earlier runs of the session and finds out what they left. Fails as `unavailable` at the deadline.
  awaitable<void> enter(const files::Session& session, bool fresh, Deadline deadline);
  // What a sandbox should have imported; known after enter().
  std::vector<std::string> modules() const;
  // Gets the bytes, and returns writes that keep them for longer.
  awaitable<std::vector<store::Write>> open();
  // For the program; once.
  std::optional<pool::StateWish> wish();
  // Others of the session may go on: nothing is kept of this run.
  void leave();
  // After the program: what the session's state is now, see States::settle().
  // `left`: what it has left; null: nothing.
  awaitable<std::optional<state::Summary>> settle(const pool::Outcome& outcome, std::unique_ptr<ByteSource> left);

 private:
  void give_up(const char* doing, const Failure& failure);

  state::States* states_;
  state::Turns* turns_;
  std::string session_;
  state::Turns::Turn turn_;
  std::optional<state::Record> prior_;
  bool left_ = false;
  bool gone_ = false;  // it is on record, and its bytes are nowhere
  asio::thread_pool& blocking_;
  UniqueFd before_;
};

}  // namespace ci::execution
