#include "access/rate_limiter.h"

#include <algorithm>

#include "access/key_records.h"
#include "base/time_text.h"

namespace ci::access {

using std::chrono::system_clock;
using store::Counted;
using store::Counter;
using store::Write;

awaitable<std::optional<RateRefusal>> RateLimiter::admit(std::string hash, RateLimits limits, system_clock::time_point now) {
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
  std::vector<Counter> counters;
  for (const Period period : all_periods) {
    counters.emplace_back(KeyRecords::counter_key(short_hash, window_at(period, now)), 1, life_of(period), limits[period]);
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

void RateLimiter::note_use(const std::string& hash, system_clock::time_point now) {
  Noted& noted = noted_[hash];
  ++noted.uses;
  noted.last = now;
}

awaitable<void> RateLimiter::flush() {
  std::map<std::string, Noted> taken;
  taken.swap(noted_);
  while (!taken.empty()) {
    const auto node = taken.begin();
    const std::string hash = node->first;
    std::exception_ptr failure;
    try {
      // A key that was revoked meanwhile must not come back as a record of nothing but its uses.
      const auto record = co_await store_.get_fields(KeyRecords::record_key(hash));
      if (record && node->second.uses > 0) {
        std::vector<Write> writes;
        writes.push_back(Write::add_to_field(KeyRecords::record_key(hash), "usage_count", node->second.uses));
        store::Fields last = {{"last_used_at", iso_time(node->second.last)}};
        writes.push_back(Write::set_fields(KeyRecords::record_key(hash), std::move(last)));
        co_await store_.write(std::move(writes));
        node->second.uses = 0;
      }
      std::vector<Counter> counters;
      for (const auto& [name, window] : node->second.windows) {
        counters.emplace_back(name, window.first, life_of(window.second));
      }
      if (record) co_await store_.increment_all(std::move(counters));
      taken.erase(node);
    } catch (...) {
      failure = std::current_exception();
    }
    if (!failure) continue;
    for (auto& [other, noted] : taken) {
      Noted& again = noted_[other];
      again.uses += noted.uses;
      again.last = std::max(again.last, noted.last);
      for (const auto& [name, window] : noted.windows) {
        auto& [count, of] = again.windows[name];
        count += window.first;
        of = window.second;
      }
    }
    std::rethrow_exception(failure);
  }
}

}  // namespace ci::access
