#pragma once
// States that nobody has used for a while, in the object store: found there when they are no longer at hand. An object
// for each session, "states/<session>/state.dat", which holds the base64 text of the wire bytes, and in its metadata
// what the record said. Called on the I/O thread.

#include <optional>
#include <string>

#include "base/async.h"
#include "base/unique_fd.h"
#include "state/record.h"
#include "state/settings.h"
#include "store/key_value_store.h"
#include "store/object_store.h"

namespace ci::state {

class Archive {
 public:
  Archive(
      store::KeyValueStore& records, store::ObjectStore& bodies, asio::thread_pool& blocking,
      const StateSettings& settings)
      : records_(records), bodies_(bodies), blocking_(blocking), settings_(settings) {}

  // What is known without reading it: an archive that another program wrote may lack hash and size.
  awaitable<std::optional<Record>> find(std::string session);
  // The bytes in a sealed memory file, with which `record` is completed; nothing when they are gone or damaged.
  awaitable<UniqueFd> open(std::string session, Record& record);
  awaitable<void> remove(std::string session);

  // One round of the loop: archives up to 100 states, and now and then removes old ones and bodies that no record
  // names. Does nothing when another replica has had its round lately. One that fails does not hinder the others. Says
  // how many were archived.
  awaitable<int> round();

 private:
  awaitable<bool> archive(std::string session);
  awaitable<void> remove_quietly(std::string key);
  awaitable<void> remove_old();
  awaitable<void> remove_orphans();

  store::KeyValueStore& records_;
  store::ObjectStore& bodies_;
  asio::thread_pool& blocking_;
  const StateSettings& settings_;
  std::string cursor_;  // where the next round goes on
  int rounds_ = 0;
};

// Keys of bodies that are kept at hand in the object store.
std::string at_hand_key(std::string_view session, std::string_view id);
inline const std::string at_hand_prefix = "states-at-hand/";

}  // namespace ci::state
