#include "net/intake.h"

#include <algorithm>

namespace ci::net {

awaitable<Inbox::Wake> Intake::wait(std::shared_ptr<void> owner, Deadline limit) {
  inbox_.read_ahead(std::move(owner));
  const std::size_t before = inbox_.bytes().size();
  const Deadline patience = pace_.begin_wait(std::chrono::steady_clock::now());
  deadline_ = limit == Deadline::max() ? patience : limit;
  Inbox::Wake reason = Inbox::Wake::closed;
  try {
    reason = co_await inbox_.wait();
  } catch (...) {
    deadline_ = Deadline::max();
    throw;
  }
  deadline_ = Deadline::max();
  pace_.end_wait(std::chrono::steady_clock::now(), inbox_.bytes().size() - before);
  co_return reason;
}

}  // namespace ci::net
