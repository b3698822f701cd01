#include "pool/local/shelf.h"

#include <algorithm>

#include "languages/language.h"
#include "sandbox/kinds.h"

namespace ci::pool {

namespace {

constexpr auto first_rest = std::chrono::milliseconds(50);  // after a failure, doubled for each further one
constexpr auto longest_rest = std::chrono::seconds(2);
constexpr auto slow_creation = std::chrono::milliseconds(300);

bool is_presumed_slow(std::string_view kind) {
  const languages::Language* language = languages::find(language_of(kind));
  return language != nullptr && language->warmth == languages::Warmth::waiting;
}

std::string_view plain(std::string_view kind) { return sandbox::parts_of_kind(kind).plain; }

}  // namespace

std::string language_of(std::string_view kind) { return std::string(kind.substr(0, kind.find_first_of("/@"))); }

bool is_plain(std::string_view kind) { return plain(kind).ends_with("/stdlib") || plain(kind).find('/') == kind.npos; }

bool is_quick_to_make(std::string_view kind) {
  return is_plain(kind) && languages::find(language_of(kind)) != nullptr && !is_presumed_slow(kind);
}

int floor_of(std::string_view kind, const PoolSettings& settings) {
  if (!settings.enabled || plain(kind) != kind) return 0;
  const auto floor = settings.floors.find(language_of(kind));
  if (floor == settings.floors.end()) return 0;
  return is_plain(kind) ? floor->second : std::min(floor->second, 1);
}

std::unique_ptr<Channel> Shelf::take_warm() {
  while (!warm.empty() && waiting.empty()) {
    auto channel = std::move(warm.front());
    warm.pop_front();
    if (channel->waits()) return channel;
  }
  return nullptr;
}

void Shelf::asked_for(const Pending& pending) {
  ++creating;
  if (pending.awaited) ++awaited;
}

void Shelf::forget(const Pending& pending) {
  creating = std::max(0, creating - 1);
  if (pending.awaited) awaited = std::max(0, awaited - 1);
}

void Shelf::is_ready(const Pending& pending, std::uint64_t bytes) {
  forget(pending);
  failures = 0;
  rests_until = {};
  const auto time = Clock::now() - pending.begin;
  if (!pending.awaited) making_time = std::min(making_time.value_or(time), time);
  ++made;
  if (bytes > 0) memory = bytes;
}

Clock::duration Shelf::has_failed(const Pending& pending, const std::string& reason) {
  forget(pending);
  last_failure = reason;
  ++failures;
  const auto rest = std::min<Clock::duration>(longest_rest, first_rest * (1 << std::min(failures - 1, 6)));
  rests_until = Clock::now() + rest;
  return rest;
}

void Shelf::is_lost() {
  warm.clear();
  creating = awaited = 0;
}

KindState Shelf::state(const std::string& kind, Clock::time_point now) const {
  KindState state;
  state.kind = kind;
  state.floor = floor;
  state.warm = static_cast<int>(warm.size());
  state.creating = creating;
  state.awaited = awaited;
  state.waiting = static_cast<int>(waiting.size());
  state.recent = demand.recent(now);
  state.lingers = demand.lingers(now);
  state.proven = made > 0;
  state.resting = now < rests_until;
  state.slow = making_time ? *making_time > slow_creation : is_presumed_slow(kind);
  state.making_time = making_time.value_or(Clock::duration(0));
  state.memory = memory;
  state.leased_memory = in_use * memory + held;
  return state;
}

}  // namespace ci::pool
