#pragma once
// How many runs of one key go on at the same time, counted among all replicas that share a store. Each run has a place, with a
// lease that is renewed while it goes on: the places of a replica that died are free when their leases have ended. I/O thread.
//
// Alone with its store a replica only counts by itself. Otherwise a place is one round trip, but none when this replica alone has
// as many runs as there may be.

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/async.h"
#include "store/key_value_store.h"

namespace ci::access {

struct RunPlacesSettings {
  RunPlacesSettings() = default;
  bool shared = false;  // other replicas use the same store
  std::chrono::milliseconds lease{15000};
  std::chrono::milliseconds renewal{4000};
};

class RunPlaces {
 public:
  RunPlaces(asio::any_io_executor executor, store::KeyValueStore& store, const RunPlacesSettings& settings)
      : store_(store), settings_(settings), renewals_(executor), endings_(std::move(executor)) {}
  RunPlaces(const RunPlaces&) = delete;
  RunPlaces& operator=(const RunPlaces&) = delete;

  // Of a run, from its admission to its end. Must not outlive what it comes from.
  class Place {
   public:
    ~Place() { places_.leave(*this); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    friend class RunPlaces;
    Place(RunPlaces& places, std::string key, std::int64_t most);

    RunPlaces& places_;
    std::string key_, holder_;  // the holder is of this place alone
    std::int64_t most_;
    bool in_store_ = false;  // or it may be: whoever asked was not answered
  };

  // A place for a run of the key with this hash, of which `most` may go on at the same time; null when as many do. Fails as the
  // store does. The second owner is the run.
  awaitable<std::shared_ptr<Place>> take(std::string hash, std::int64_t most);

  // Gives others what they would have to wait for. After the last place, before destruction.
  awaitable<void> stop();

 private:
  void leave(Place& place);
  awaitable<void> leave_store(std::string key, std::string holder);
  awaitable<void> renew();

  store::KeyValueStore& store_;
  RunPlacesSettings settings_;
  std::map<std::string, std::int64_t> counts_;  // by the hash of the key, of this replica
  std::map<std::string, std::pair<std::string, std::int64_t>>
      held_;  // holders in the store: their key, and how many it may have
  bool renews_ = false;
  TaskGroup renewals_, endings_;
};

}  // namespace ci::access
