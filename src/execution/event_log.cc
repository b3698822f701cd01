#include "execution/event_log.h"

#include <algorithm>

namespace ci::execution {

namespace {

bool is_text(const RunEvent& event) { return std::holds_alternative<Printed>(event.what); }

}  // namespace

void EventLog::add(Happening what) {
  entries_.emplace_back(++last_number_, std::move(what), printed_, 0);
  changes_.announce();
}

awaitable<void> EventLog::print(pool::Stream stream, std::string text) {
  if (text.empty()) co_return;
  while (text_ > 0 && text_ + text.size() > most_text_) {
    if (is_awaited())
      co_await changes_.wait();
    else
      drop_oldest_text();
  }
  const std::size_t size = text.size();
  entries_.emplace_back(++last_number_, Printed(stream, std::move(text)), printed_, size);
  printed_ += size;
  text_ += size;
  changes_.announce();
}

bool EventLog::is_awaited() const {
  if (!patient_) return false;
  const auto oldest = std::ranges::find_if(entries_, is_text, &Entry::event);
  return std::ranges::any_of(readers_, [&](const Reader* reader) {
    return reader->lag_ == Lag::wait && reader->seen_ < oldest->event.number;
  });
}

void EventLog::drop_oldest_text() {
  const auto oldest = std::ranges::find_if(entries_, is_text, &Entry::event);
  text_ -= oldest->size;
  entries_.erase(oldest);
}

std::deque<EventLog::Entry>::const_iterator EventLog::after_number(std::uint64_t number) const {
  return std::ranges::upper_bound(entries_, number, {}, [](const Entry& entry) { return entry.event.number; });
}

EventLog::Reader::Reader(EventLog& log, Lag lag, std::uint64_t last_seen) : log_(log), lag_(lag), seen_(last_seen) {
  // What was before the first event that it asks for is no loss of its.
  const auto next = log_.after_number(last_seen);
  if (last_seen > 0 && next != log_.entries_.end() && next->event.number == last_seen + 1) {
    printed_before_ = next->printed_before;
  } else if (next == log_.entries_.end()) {
    printed_before_ = log_.printed_;
  }
  log_.readers_.push_back(this);
}

EventLog::Reader::~Reader() {
  log_.readers_.remove(this);
  log_.changes_.announce();
}

std::optional<RunEvent> EventLog::Reader::take() {
  const auto next = log_.after_number(seen_);
  if (at_end_ || next == log_.entries_.end()) return std::nullopt;
  if (next->printed_before > printed_before_) {
    Missed missed;
    missed.bytes = next->printed_before - printed_before_;
    printed_before_ = next->printed_before;
    return RunEvent(0, missed);
  }
  seen_ = next->event.number;
  printed_before_ = next->printed_before + next->size;
  at_end_ = std::holds_alternative<Ended>(next->event.what);
  if (lag_ == Lag::wait) log_.changes_.announce();
  return next->event;
}

awaitable<std::optional<RunEvent>> EventLog::Reader::next(Deadline deadline) {
  for (;;) {
    std::optional<RunEvent> event = take();
    if (event || at_end_ || std::chrono::steady_clock::now() >= deadline) co_return event;
    co_await log_.changes_.wait(deadline);
  }
}

}  // namespace ci::execution
