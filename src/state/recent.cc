#include "state/recent.h"

#include <algorithm>

#include "state/memory.h"

namespace ci::state {

UniqueFd Recent::find(const std::string& session, const Record& record) {
  const auto known = std::ranges::find(states_, session, &State::session);
  if (known == states_.end() || known->hash != record.hash || known->size != record.size) return UniqueFd();
  std::ranges::rotate(known, known + 1, states_.end());
  return open_again(states_.back().file.get());
}

void Recent::keep(const std::string& session, const Record& record, UniqueFd file) {
  forget(session);
  if (record.size > memory_) return;
  states_.push_back({session, record.hash, record.size, std::move(file)});
  constexpr std::uint64_t overhead = 8 << 10;
  std::uint64_t sum = 0;
  for (const State& one : states_) sum += one.size + overhead;
  while (sum > memory_ || states_.size() > most_) {
    sum -= states_.front().size + overhead;
    states_.erase(states_.begin());
  }
}

void Recent::forget(const std::string& session) {
  std::erase_if(states_, [&](const State& one) { return one.session == session; });
}

}  // namespace ci::state
