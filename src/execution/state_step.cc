#include "execution/state_step.h"

#include "base/log.h"
#include "languages/language.h"
#include "os/source_file.h"

namespace ci::execution {

StateStep::StateStep(
    state::States* states, state::Turns* turns, const std::string& language, asio::thread_pool& blocking)
    : turns_(turns), blocking_(blocking) {
  const languages::Language* known = languages::find(language);
  const bool wanted = known != nullptr && known->keeps_state && states != nullptr && states->settings().enabled;
  states_ = wanted ? states : nullptr;
}

void StateStep::give_up(const char* doing, const Failure& failure) {
  log_warning(
      "state of a session is not used", {{"session_id", session_}, {"doing", doing}, {"reason", failure.what()}});
  states_ = nullptr;
}

awaitable<void> StateStep::enter(const files::Session& session, bool fresh, Deadline deadline) {
  session_ = session.id;
  if (states_ == nullptr) co_return;
  turn_ = co_await turns_->take(session_, fresh, deadline);
  if (fresh) co_return;
  try {
    prior_ = co_await states_->find(session_, session.created);
  } catch (const Failure& failure) {
    give_up("finding", failure);
  }
}

std::vector<std::string> StateStep::modules() const { return prior_ ? prior_->modules : std::vector<std::string>(); }

awaitable<std::vector<store::Write>> StateStep::open() {
  std::vector<store::Write> writes;
  if (states_ == nullptr || !prior_) co_return writes;
  try {
    before_ = co_await states_->open(session_, *prior_);
    if (before_) {
      writes = co_await states_->touch(session_, *prior_);
    } else {
      log_warning("state of a session is gone", {{"session_id", session_}});
      gone_ = true;
    }
  } catch (const Failure& failure) {
    give_up("reading", failure);
  }
  co_return writes;
}

std::optional<pool::StateWish> StateStep::wish() {
  if (states_ == nullptr) return std::nullopt;
  std::unique_ptr<ByteSource> before;
  if (before_) before = std::make_unique<FileSource>(std::move(before_), blocking_);
  return pool::StateWish(std::move(before), states_->settings().size_limit, states_->settings().capture_on_error);
}

void StateStep::leave() {
  turn_ = state::Turns::Turn();
  left_ = true;
}

awaitable<std::optional<state::Summary>> StateStep::settle(
    const pool::Outcome& outcome, std::unique_ptr<ByteSource> left) {
  if (states_ == nullptr) co_return std::nullopt;
  if (outcome.state_unusable) {
    states_->count_unusable();
    log_warning("state of a session cannot be read", {{"session_id", session_}});
  }
  const bool wanted = outcome.exit_code == 0 || states_->settings().capture_on_error;
  const bool captured = outcome.ended == pool::Ended::exited && outcome.state_captured && left != nullptr;
  if (!captured || !wanted || left_ || turn_.lost()) co_return std::nullopt;
  std::optional<state::Summary> summary;
  try {
    const bool read = !gone_ && !outcome.state_unusable;
    UniqueFd after = co_await os::file_of(*left);
    summary = co_await states_->settle(session_, turn_, prior_, read, std::move(after), outcome.state_note);
  } catch (const Failure& failure) {
    log_error("state not saved", {{"session_id", session_}, {"reason", failure.what()}});
  }
  co_return summary;
}

}  // namespace ci::execution
