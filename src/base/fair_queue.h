#pragma once
// Who waits for something scarce, in turns: owners take turns, and what one owner waits for comes in its order of
// arrival. So an owner with a thousand requests delays another by one place, not by a thousand. For one thread.

#include <algorithm>
#include <cstddef>
#include <list>
#include <string>
#include <utility>

namespace ci {

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
