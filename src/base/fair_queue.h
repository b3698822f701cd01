#pragma once
// Who waits for something scarce, in turns: owners take turns, and what one owner waits for comes in its order of
// arrival. So an owner with a thousand requests delays another by one place, not by a thousand. For one thread.

#include <algorithm>
#include <cstddef>
#include <list>
#include <string>
#include <utility>

namespace ci {

// Whether one more may wait where `all` wait and `own` of them are its owner's: up to `most`, and while its owner has fewer than
// there are places left. So one owner can fill half of them, a second half of the rest; whoever comes finds a place.
inline bool may_wait(std::size_t own, std::size_t all, std::size_t most) { return all < most && own < most - all; }

// Does not own the waiters; each must be popped or removed before it ends.
template <class Waiter>
class FairQueue {
 public:
  void push(const std::string& owner, Waiter& waiter) {
    auto line = std::ranges::find(lines_, owner, &Line::owner);
    if (line == lines_.end()) line = lines_.insert(lines_.end(), Line(owner));
    line->waiters.push_back(&waiter);
    ++size_;
  }

  // Whose turn it is; null when nobody waits.
  Waiter* pop() {
    if (lines_.empty()) return nullptr;
    Line& line = lines_.front();
    Waiter* next = line.waiters.front();
    line.waiters.pop_front();
    --size_;
    if (line.waiters.empty()) {
      lines_.pop_front();
    } else {
      lines_.splice(lines_.end(), lines_, lines_.begin());
    }
    return next;
  }

  // One that gives up. Nothing happens when it is not here.
  void remove(const Waiter& waiter) {
    for (auto line = lines_.begin(); line != lines_.end(); ++line) {
      const auto place = std::ranges::find(line->waiters, &waiter);
      if (place == line->waiters.end()) continue;
      line->waiters.erase(place);
      --size_;
      if (line->waiters.empty()) lines_.erase(line);
      return;
    }
  }

  std::size_t size() const { return size_; }
  // How many of them are this owner's.
  std::size_t size_of(const std::string& owner) const {
    const auto line = std::ranges::find(lines_, owner, &Line::owner);
    return line == lines_.end() ? 0 : line->waiters.size();
  }
  bool empty() const { return size_ == 0; }

 private:
  struct Line {
    explicit Line(std::string name) : owner(std::move(name)) {}
    std::string owner;
    std::list<Waiter*> waiters;
  };
  std::list<Line> lines_;  // the front one's turn is next
  std::size_t size_ = 0;
};

}  // namespace ci
