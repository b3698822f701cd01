#include "access/rate_limiter.h"

#include <algorithm>

#include "access/key_records.h"
#include "base/time_text.h"

namespace ci::access {

using std::chrono::system_clock;
using store::Counted;
using store::Counter;
using store::Write;

void RateLimiter::add_counters(std::vector<Counter>& counters, const Windows& windows) {
  for (const auto& [name, window] : windows) counters.emplace_back(name, window.first, life_of(window.second));
}

// What could not be written, to what was noted meanwhile.
void RateLimiter::put_back(Noted& noted, const Windows& windows) {
  for (const auto& [name, window] : windows) {
    auto& [count, of] = noted.windows[name];
    count += window.first;
    of = window.second;
  }
}

awaitable<std::optional<RateRefusal>> RateLimiter::admit(
    std::string hash, RateLimits limits, system_clock::time_point now) {
  const std::string short_hash = hash.substr(0, 16);
  if (limits.none()) {
    Noted& noted = noted_[hash];
    for (const Period period : all_periods) {
      auto& [count, of] = noted.windows[KeyRecords::counter_key(short_hash, window_at(period, now))];
      ++count;
      of = period;
    }
    co_return std::nullopt;
  }
  const auto noted = noted_.find(hash);
  if (noted != noted_.end() && !noted->second.windows.empty()) co_await write_windows(hash);
  std::vector<Counter> counters;
  for (const Period period : all_periods) {
    counters.emplace_back(
        KeyRecords::counter_key(short_hash, window_at(period, now)), 1, life_of(period), limits[period]);
  }
  const Counted counted = co_await store_.increment_all(std::move(counters));
  if (!counted.refused) co_return std::nullopt;
  RateRefusal refusal;
  refusal.period = all_periods[*counted.refused];
  refusal.limit = limits[refusal.period].value_or(0);
  refusal.used = counted.sums[*counted.refused];
  refusal.reset = window_at(refusal.period, now).end;
  refusal.wait = std::max(std::chrono::ceil<std::chrono::seconds>(refusal.reset - now), std::chrono::seconds(1));
  co_return refusal;
}

// What a key used before it had limits counts as soon as it has some.
awaitable<void> RateLimiter::write_windows(std::string hash) {
  Windows windows;
  windows.swap(noted_[hash].windows);
  std::vector<Counter> counters;
  add_counters(counters, windows);
  std::exception_ptr failure;
  try {
    co_await store_.increment_all(std::move(counters));
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) co_return;
  put_back(noted_[hash], windows);
  std::rethrow_exception(failure);
}

void RateLimiter::note_use(const std::string& hash, system_clock::time_point now) {
  Noted& noted = noted_[hash];
  ++noted.uses;
  noted.last = now;
}

awaitable<void> RateLimiter::flush() {
  std::map<std::string, Noted> taken;
  taken.swap(noted_);
  if (taken.empty()) co_return;
  std::exception_ptr failure;
  try {
    co_await write(taken);
  } catch (...) {
    failure = std::current_exception();
  }
  if (!failure) co_return;
  for (auto& [hash, noted] : taken) {
    Noted& again = noted_[hash];
    again.uses += noted.uses;
    again.last = std::max(again.last, noted.last);
    put_back(again, noted.windows);
  }
  std::rethrow_exception(failure);
}

awaitable<void> RateLimiter::write(std::map<std::string, Noted>& noted) {
  // A key that was revoked meanwhile must not come back as a record of nothing but its uses.
  std::vector<std::string> keys;
  for (const auto& [hash, one] : noted) keys.push_back(KeyRecords::record_key(hash));
  const auto records = co_await store_.get_fields_of_all(std::move(keys));
  std::vector<Write> writes;
  std::vector<Counter> counters;
  for (std::size_t i = 0; auto& [hash, one] : noted) {
    if (!records[i++]) continue;
    if (one.uses > 0) {
      writes.push_back(Write::add_to_field(KeyRecords::record_key(hash), "usage_count", one.uses));
      store::Fields last = {{"last_used_at", iso_time(one.last)}};
      writes.push_back(Write::set_fields(KeyRecords::record_key(hash), std::move(last)));
    }
    add_counters(counters, one.windows);
  }
  if (!writes.empty()) co_await store_.write(std::move(writes));
  for (auto& [hash, one] : noted) one.uses = 0;  // are written, whatever becomes of the counters
  if (!counters.empty()) co_await store_.increment_all(std::move(counters));
}

}  // namespace ci::access
