#include "access/run_places.h"

#include "base/failure.h"
#include "base/ids.h"
#include "base/log.h"

namespace ci::access {

namespace {

constexpr std::chrono::seconds patience_at_end{2};

std::string places_key(const std::string& hash) { return "api_keys:running:" + hash.substr(0, 16); }

}  // namespace

RunPlaces::Place::Place(RunPlaces& places, std::string key, std::int64_t most)
    : places_(places), key_(std::move(key)), holder_(new_id()), most_(most) {
  ++places_.counts_[key_];
}

awaitable<std::shared_ptr<RunPlaces::Place>> RunPlaces::take(std::string hash, std::int64_t most) {
  std::string key = places_key(hash);
  const auto count = counts_.find(key);
  if (count != counts_.end() && count->second >= most) co_return nullptr;
  std::shared_ptr<Place> place(new Place(*this, std::move(key), most));
  if (!settings_.shared) co_return place;
  place->in_store_ = true;  // until we know better: a place that was taken and not answered is given back
  const bool taken = co_await store_.take_place(place->key_, place->holder_, most, settings_.lease);
  place->in_store_ = taken;
  if (!taken) co_return nullptr;
  held_.emplace(place->holder_, std::pair(place->key_, most));
  if (!std::exchange(renews_, true)) renewals_.spawn("places of runs", renew());
  co_return place;
}

void RunPlaces::leave(Place& place) {
  const auto count = counts_.find(place.key_);
  if (--count->second == 0) counts_.erase(count);
  held_.erase(place.holder_);
  if (place.in_store_) endings_.spawn("give back a place", leave_store(place.key_, place.holder_));
}

awaitable<void> RunPlaces::leave_store(std::string key, std::string holder) {
  co_await store_.leave_place(std::move(key), std::move(holder));
}

// Until nothing is held. A run whose place went to others meanwhile goes on: it was admitted.
awaitable<void> RunPlaces::renew() {
  while (!held_.empty()) {
    co_await sleep_for(settings_.renewal);
    const auto held = held_;  // changes while we wait
    std::string reason;
    for (const auto& [holder, place] : held) {
      if (!held_.contains(holder)) continue;
      try {
        co_await store_.take_place(place.first, holder, place.second, settings_.lease);
      } catch (const Failure& failure) {
        reason = failure.what();
      }
      // It was given back while it was renewed, perhaps in the other order.
      if (!held_.contains(holder)) endings_.spawn("give back a place", leave_store(place.first, holder));
    }
    if (!reason.empty()) log_warning("places of runs cannot be renewed", {{"reason", reason}});
  }
  renews_ = false;
}

awaitable<void> RunPlaces::stop() {
  co_await renewals_.stop();
  co_await endings_.stop_after(after(patience_at_end));
}

}  // namespace ci::access
