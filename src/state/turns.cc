#include "state/turns.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/system/system_error.hpp>
#include <optional>

#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"

namespace ci::state {

namespace {

constexpr std::chrono::milliseconds first_pause{2}, longest_pause{100};
constexpr std::chrono::seconds patience_of_writers{10};  // beyond a lease that a dead replica has left
constexpr std::chrono::seconds patience_at_end{2};

std::string lease_key(const std::string& session) { return "session:state-lease:" + session; }

Failure too_late() {
  return Failure(FailureKind::unavailable, "Another run of this session has not ended in time; try again later");
}

}  // namespace

bool Turns::Turn::lost() const { return session_ != nullptr && session_->has_lost(); }

awaitable<bool> Turns::Turn::is_held() const {
  if (lost()) co_return false;
  if (session_ == nullptr || session_->token.empty()) co_return true;
  const auto holder = co_await turns_->store_.get(lease_key(session_->id));
  co_return holder == session_->token && !lost();
}

void Turns::Turn::add_conditions(std::vector<store::Condition>& conditions) const {
  if (session_ != nullptr && !session_->token.empty())
    conditions.emplace_back(lease_key(session_->id), session_->token);
}

void Turns::Turn::end() {
  if (turns_ != nullptr) std::exchange(turns_, nullptr)->leave(std::move(session_));
}

awaitable<Turns::Turn> Turns::take(std::string id, bool fresh, Deadline deadline) {
  std::shared_ptr<Session> session;
  if (const auto entry = sessions_.find(id); entry != sessions_.end()) {
    session = entry->second;
    co_await wait_here(session, deadline);
  } else {
    session = std::make_shared<Session>(id, co_await asio::this_coro::executor);
    sessions_.emplace(id, session);
  }
  Turn turn(*this, session);  // from here on it is ours to give up
  if (settings_.shared && !fresh && (session->token.empty() || session->has_lost())) {
    co_await take_lease(session, deadline);
  }
  co_return turn;
}

awaitable<Turns::Turn> Turns::take_to_write(const std::string& session) {
  // No id of a session has a slash.
  std::string id = session + "/write";
  return take(std::move(id), false, after(settings_.lease + patience_of_writers));
}

awaitable<void> Turns::wait_here(std::shared_ptr<Session> session, Deadline deadline) {
  asio::steady_timer timer(co_await asio::this_coro::executor, deadline);
  Waiting me(timer);
  session->waiting.push_back(&me);
  boost::system::error_code ended;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
  const auto cancelled = co_await asio::this_coro::cancellation_state;
  if (cancelled.cancelled() != asio::cancellation_type::none) {
    if (me.admitted)
      leave(session);
    else
      session->waiting.remove(&me);
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (me.admitted) co_return;
  session->waiting.remove(&me);
  throw too_late();
}

// A store that lost a connection cannot say whether the lease was taken; but whose it is can be asked.
awaitable<void> Turns::take_lease(std::shared_ptr<Session> session, Deadline deadline) {
  const std::string key = lease_key(session->id);
  const std::string token = new_id();
  std::optional<Deadline> unsure;  // until when it is ours, if it is
  for (auto pause = first_pause;; pause = std::min(2 * pause, longest_pause)) {
    bool taken = false;
    const Deadline held_until = after(settings_.lease);
    try {
      taken = co_await store_.set_if_absent(key, token, settings_.lease);
    } catch (const Failure& failure) {
      if (unsure) throw;
      unsure = held_until;
    }
    if (taken) session->held_until = held_until;
    if (!taken && unsure) {
      const auto holder = co_await store_.get(key);
      taken = holder == token;
      session->held_until = *unsure;
    }
    if (taken) break;
    if (std::chrono::steady_clock::now() + pause >= deadline) throw too_late();
    co_await sleep_for(pause);
  }
  session->token = token;
  session->lost = false;
  renewals_.spawn("renew a lease", renew(session, token));
}

awaitable<void> Turns::renew(std::shared_ptr<Session> session, std::string token) {
  const std::string key = lease_key(session->id);
  for (;;) {
    session->renewal.expires_after(settings_.renewal);
    boost::system::error_code ended;
    co_await session->renewal.async_wait(asio::redirect_error(asio::use_awaitable, ended));
    if (session->token != token) co_return;
    try {
      const auto holder = co_await store_.get(key);
      if (session->token != token) co_return;
      if (holder != token) {
        session->lost = true;
        log_warning("the lease of a session was lost", {{"session_id", session->id}});
        co_return;
      }
      std::vector<store::Write> writes;
      writes.push_back(store::Write::expire(key, settings_.lease));
      const Deadline held_until = after(settings_.lease);
      co_await store_.write(std::move(writes));
      if (session->token != token) co_return;
      session->held_until = held_until;
    } catch (const Failure& failure) {
      log_warning("cannot renew the lease of a session", {{"session_id", session->id}, {"reason", failure.what()}});
    }
  }
}

awaitable<void> Turns::give_back(std::string key, std::string token) {
  co_await store_.remove_if_equal(std::move(key), std::move(token));
}

// The next one here keeps the lease: it waited as long as anybody.
void Turns::leave(std::shared_ptr<Session> session) {
  if (!session->waiting.empty()) {
    Waiting& next = *session->waiting.front();
    session->waiting.pop_front();
    next.admitted = true;
    next.timer.cancel();
    return;
  }
  sessions_.erase(session->id);
  session->renewal.cancel();
  const std::string token = std::exchange(session->token, std::string());
  if (!token.empty()) endings_.spawn("give back a lease", give_back(lease_key(session->id), token));
}

// Others would have to wait for a lease that is not given back.
awaitable<void> Turns::stop() {
  co_await renewals_.stop();
  co_await endings_.stop_after(after(patience_at_end));
}

}  // namespace ci::state
